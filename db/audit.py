"""Audit events: who did what to which study. Rows are added, never changed. Nothing here commits."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import AuditAction
from db.tables import AuditEvent


def record(
    session: Session,
    action: AuditAction,
    *,
    actor: str,
    now: datetime,
    study_id: UUID | None = None,
    subject: UUID | None = None,
    detail: str = "",
) -> None:
    """Add one event, in the transaction of what it tells of. ``detail`` holds codes and counts, no free text."""
    session.add(
        AuditEvent(
            id=uuid4(),
            at=now,
            actor=actor[:64],
            action=action,
            study_id=study_id,
            subject=subject,
            detail=detail[:255],
        )
    )


def of_study(session: Session, study_id: UUID) -> list[AuditEvent]:
    """A study's events, oldest first."""
    statement = select(AuditEvent).where(AuditEvent.study_id == study_id).order_by(AuditEvent.at)
    return list(session.scalars(statement))
