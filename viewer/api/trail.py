"""The audit trail over the API, for programs that keep watch; reading it is written down, too."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.types import AuditAction
from db import audit, audit_page
from db.cursor import Cursor
from db.session import Sessions
from db.tables import AuditEvent
from viewer.access import principal
from viewer.api.asked import LONGEST_PAGE, PAGE, Moment, known_cursor
from viewer.api.told import Told


class Event(Told):
    """Who did what, to which study. Studies stand in it by our own keys."""

    id: UUID
    at: datetime
    actor: str = Field(description="As `user:NAME`, `token:NAME/LABEL`, `os:NAME`, `ae:TITLE`, or a process of ours.")
    action: AuditAction
    study_id: UUID | None
    subject: UUID | None = Field(description="The object, revision, report, job, user or token it was done to.")
    detail: str


class Trail(Told):
    """A page of the audit trail."""

    items: list[Event]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


class Wanted(BaseModel):
    """Which events, and which page of them; all conditions together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actor: str = Field("", max_length=64, description="The whole name, such as `user:ada`.")
    action: AuditAction | None = None
    study_id: UUID | None = None
    since: Moment | None = Field(None, description="Then or later.")
    until: Moment | None = Field(None, description="Before then.")
    cursor: Annotated[str, AfterValidator(known_cursor)] | None = Field(
        None, max_length=80, description="`next_cursor` of the page before; the other parameters stay the same."
    )
    limit: int = Field(PAGE, ge=1, le=LONGEST_PAGE, description="At most so many.")


@dataclass(frozen=True, slots=True)
class Trails:
    """The answers about the trail."""

    sessions: Sessions

    def list(self, request: Request, asked: Annotated[Wanted, Query()]) -> Response:
        """A page of the audit trail, newest first. Names no patient."""
        wanted = audit_page.Wanted(**asked.model_dump(exclude={"cursor", "limit"}))
        after = Cursor.parse(asked.cursor) if asked.cursor else None
        with self.sessions.read() as session:
            found, following = audit_page.page(session, wanted, after=after, limit=asked.limit)
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            audit.record(session, AuditAction.VIEW, actor=principal(request).actor, now=now, detail="api audit")
        more = str(following) if following else None
        return JSONResponse({"items": [_told(event) for event in found], "next_cursor": more})


def _told(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "at": event.at.isoformat(),
        "actor": event.actor,
        "action": event.action.value,
        "study_id": str(event.study_id) if event.study_id else None,
        "subject": str(event.subject) if event.subject else None,
        "detail": event.detail,
    }
