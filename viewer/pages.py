"""The pages: the worklist and a study. Each opening is written down before anything is shown."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from core.settings import Settings
from core.types import AuditAction
from db import audit, pages, study_page
from db.pages import Cursor, Show
from db.session import Sessions
from viewer.access import principal, shown
from viewer.counting import Counts
from viewer.pictures import ReportPictures
from viewer.render import Templates
from viewer.seen import Seen

_WORKLIST_S, _AT_WORK_S, _DONE_S = 3, 2, 15
"""How often a page asks for what is new."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The worklist and the study page with what they need."""

    sessions: Sessions
    settings: Settings
    templates: Templates
    pictures: ReportPictures
    seen: Seen
    counts: Counts

    def worklist(self, request: Request, show: Show = Show.ALL, after: str = "") -> Response:
        """The studies that ``show`` names, newest first, from the cursor ``after`` on."""
        cursor = _cursor(after)
        with self.sessions.read() as session:
            listed = pages.worklist(session, show, after=cursor)
            numbers = self.counts.read(session)
        token = self._opened(request, None, "worklist")
        context = {
            "show": show,
            "paged": cursor is not None,
            "listed": listed,
            "counts": numbers,
            "settings": self.settings,
        }
        return self._page(request, "worklist", token, every_s=_WORKLIST_S, **context)

    def study(self, request: Request, study_id: UUID, revision: int | None = None) -> Response:
        """One study, at its newest revision or an older one."""
        with self.sessions.read() as session:
            found = study_page.read(session, study_id, revision=revision)
        if found is None:
            raise HTTPException(404)
        token = self._opened(request, study_id, "study")
        done = found.case is not None and found.case.done_at is not None
        context = {
            "page": found,
            "whole": found.predictions.get(None),
            "review_below": found.model.card.get("review_below") if found.model else None,
            "has_file": self.pictures.has_file,
            "picture": lambda report: _with_token(request, f"/reports/{report.id}.png", self.seen, token),
        }
        return self._page(request, "study", token, every_s=_DONE_S if done else _AT_WORK_S, **context)

    def _opened(self, request: Request, study_id: UUID | None, what: str) -> str:
        """The token of an opening that was written down: this one, or the one that is only kept up to date."""
        place, token = place_of(request), request.query_params.get("seen", "")
        if self.seen.holds(place, token):
            return token
        write_down(self.sessions, actor=principal(request).actor, study_id=study_id, detail=what)
        return self.seen.token(place)

    def _page(self, request: Request, name: str, token: str, *, every_s: int, **context: Any) -> Response:
        """The page, or 304 where the browser has it: only the part that changes counts.

        Whoever came without a valid token gets the page, and a new token with it: else every question were an opening.
        """
        live = self.templates.text(f"{name}_live.html", **context)
        tag = f'"{hashlib.sha256(live.encode()).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == tag and request.query_params.get("seen") == token:
            return Response(status_code=304, headers={"ETag": tag})
        refresh = {"every_s": every_s, "again": _again(request, token), "tag": tag}
        text = self.templates.text(f"{name}.html", live=live, **shown(request), **refresh, **context)
        return HTMLResponse(text, headers={"ETag": tag})


def write_down(sessions: Sessions, *, actor: str, study_id: UUID | None, detail: str, subject: UUID | None = None) -> None:
    """Add a view to the audit trail; raises the database's error where that cannot be."""
    with sessions.write() as session:
        audit.record(
            session,
            AuditAction.VIEW,
            actor=actor,
            now=sessions.now(session),
            study_id=study_id,
            subject=subject,
            detail=detail,
        )


def place_of(request: Request) -> str:
    """The address that was asked for, without its token, and who asks: what one looked at, another did not."""
    return _for_whom(request, str(request.url.remove_query_params("seen").replace(scheme="", netloc="")))


def _for_whom(request: Request, place: str) -> str:
    return f"{principal(request).user_id} {place}"


def _again(request: Request, token: str) -> str:
    """The address by which an open page asks for what is new."""
    return str(request.url.include_query_params(seen=token).replace(scheme="", netloc=""))


def _with_token(request: Request, place: str, seen: Seen, token: str) -> str:
    """The address of what a page shows, so that its loading is not written down once more."""
    return f"{place}?seen={seen.also(token, _for_whom(request, place))}"


def _cursor(text: str) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except ValueError:
        raise HTTPException(404) from None
