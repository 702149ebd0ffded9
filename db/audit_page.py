"""The audit trail by page: who, what, which study, from when to when. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.types import AuditAction
from db.cursor import Cursor
from db.tables import AuditEvent


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; what is left empty does not count."""

    actor: str = ""
    """The whole name, as the trail has it: ``user:ada``."""
    action: AuditAction | None = None
    study_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(
    session: Session, wanted: Wanted, *, after: Cursor | None, limit: int
) -> tuple[list[AuditEvent], Cursor | None]:
    """Events, newest first, and where the next page begins, if there is one. Walks along one index."""
    statement = select(AuditEvent).order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    conditions = {
        AuditEvent.actor: wanted.actor or None,
        AuditEvent.action: wanted.action,
        AuditEvent.study_id: wanted.study_id,
    }
    statement = statement.where(*(column == value for column, value in conditions.items() if value is not None))
    if wanted.since is not None:
        statement = statement.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditEvent.at < wanted.until)
    if after is not None:
        tied = and_(AuditEvent.at == after.at, AuditEvent.id < after.key)
        statement = statement.where(AuditEvent.at <= after.at, or_(AuditEvent.at < after.at, tied))
    found = list(session.scalars(statement.limit(limit + 1)))
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], Cursor(last.at, last.id) if last else None
