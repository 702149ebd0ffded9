"""The audit trail by page: who, what, which study, from when to when. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.types import AuditAction
from db.cursor import Cursor
from db.results import keys_beginning
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


def one_study(session: Session, text: str) -> UUID:
    """The study of the trail whose key begins with ``text``, deleted or not; PerfuscopeError for none or several."""
    begin_so = keys_beginning(text)
    if begin_so is None:
        raise PerfuscopeError("a study's key is 32 digits and letters from a to f, or their beginning")
    keys = select(AuditEvent.study_id).where(AuditEvent.study_id.between(*begin_so)).distinct().limit(2)
    found = [key for key in session.scalars(keys) if key is not None]
    if len(found) != 1:
        raise PerfuscopeError(
            "several studies' keys begin so; give more of it" if found else "no study's key begins so"
        )
    return found[0]


def one_actor(session: Session, text: str) -> str:
    """The actor as the trail has it: ``text``, or the user of that name where nobody is called ``text``."""
    known = session.scalar(select(AuditEvent.id).where(AuditEvent.actor == text).limit(1)) is not None
    return text if known or ":" in text else f"user:{text.lower()}"


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
