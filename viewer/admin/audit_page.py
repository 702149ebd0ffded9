"""The audit trail with its filters, for administrators and auditors. That somebody looked at it is written down."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.types import AuditAction
from db import audit_page
from db.audit_page import Wanted
from db.calendar_days import asked_midnight
from db.cursor import Cursor
from db.session import Sessions
from db.tables import AuditEvent
from viewer import access
from viewer.opened import Openings
from viewer.render import Templates, sentence

_ROWS = 100
_NONE = "Nothing was written down that fits."


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as the address has them: our own words and keys, no patient's."""

    actor: str = ""
    action: str = ""
    study: str = ""
    since: str = ""
    until: str = ""
    """The last day, included."""
    after: str = ""

    @classmethod
    def of(cls, query: dict[str, str]) -> Self:
        """From an address's parameters; those that are not ours are left out."""
        return cls(**{name: query[name].strip() for name in cls.__dataclass_fields__ if query.get(name)})

    def wanted(self, zone: ZoneInfo | None) -> Wanted:
        """The same for the database, but what somebody typed. ValueError for a value that is none."""
        until = date.fromisoformat(self.until) + timedelta(days=1) if self.until else None
        return Wanted(
            action=AuditAction(self.action) if self.action else None,
            since=asked_midnight(date.fromisoformat(self.since), zone) if self.since else None,
            until=asked_midnight(until, zone) if until else None,
        )

    def typed(self, wanted: Wanted, session: Session) -> Wanted:
        """``wanted`` with whom and which study somebody typed. PerfuscopeError where that is no study, or several."""
        return replace(
            wanted,
            actor=audit_page.one_actor(session, self.actor) if self.actor else "",
            study_id=audit_page.one_study(session, self.study) if self.study else None,
        )

    def address(self, *, after: str = "", **changes: str) -> str:
        """The address of this list, or of one that differs in something: its first page, unless that is said."""
        asked = replace(self, after=after, **changes)
        query = {name: value for name in self.__dataclass_fields__ if (value := getattr(asked, name))}
        return "/admin/audit" + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The trail, newest first. Studies stand in it by our own keys."""

    sessions: Sessions
    templates: Templates
    openings: Openings

    def show(self, request: Request) -> Response:
        """One page of it."""
        asked = Asked.of(dict(request.query_params))
        try:
            wanted = asked.wanted(self.templates.zone)
            after = Cursor.parse(asked.after) if asked.after else None
        except (ValueError, OverflowError):
            raise HTTPException(404) from None
        self.openings.write_down(request, study_id=None, detail="audit")
        events, following, said = self._found(asked, wanted, after)
        context = {"events": events, "asked": asked, "actions": list(AuditAction), "said": said, "there": "audit"}
        more = {"next": asked.address(after=str(following)) if following else None}
        return HTMLResponse(self.templates.text("audit.html", **access.shown(request), **context, **more))

    def _found(self, asked: Asked, wanted: Wanted, after: Cursor | None) -> tuple[list[AuditEvent], Cursor | None, str]:
        """The events, where the next page begins, and what is said where there are none."""
        with self.sessions.read() as session:
            try:
                return *audit_page.page(session, asked.typed(wanted, session), after=after, limit=_ROWS), _NONE
            except PerfuscopeError as error:
                return [], None, sentence(error)
