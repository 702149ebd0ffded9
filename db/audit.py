"""Audit events: who did what to which study. Rows are added, never changed. Nothing here commits."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.types import AuditAction
from db.tables import AuditEvent, Case, Report


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


SYSTEM = "perfuscope"
"""Who does what nobody asked for by name."""


def record_result(session: Session, case: Case, *, now: datetime) -> None:
    """Add what a revision came to: its outcome with the label or the reason."""
    said = [case.outcome, case.reason, case.label]
    detail = " ".join([f"revision={case.revision}", *(word.value for word in said if word is not None)])
    record(session, AuditAction.RESULT, actor=SYSTEM, now=now, study_id=case.study_id, subject=case.id, detail=detail)


def record_send(session: Session, report: Report, *, now: datetime, destination: str, code: str) -> None:
    """Add how a delivery of a report ended."""
    detail = f"{report.kind} {destination} {code}"
    record(session, AuditAction.SEND, actor=SYSTEM, now=now, study_id=report.study_id, subject=report.id, detail=detail)


def of_study(session: Session, study_id: UUID, *, looks: int, others: int) -> tuple[list[AuditEvent], bool]:
    """A study's newest events, oldest first, and whether there are older ones; people may look at it without end."""
    look = AuditEvent.action == AuditAction.VIEW
    found: list[AuditEvent] = []
    older = False
    for kind, most in ((look, looks), (~look, others)):
        statement = select(AuditEvent).where(AuditEvent.study_id == study_id, kind)
        newest = session.scalars(statement.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(most + 1)).all()
        found += newest[:most]
        older |= len(newest) > most
    return sorted(found, key=lambda event: (event.at, event.id)), older


def listed(session: Session, *, study_id: UUID | None, since: datetime | None, limit: int) -> list[AuditEvent]:
    """Events of all studies or of one, newest first."""
    statement = select(AuditEvent).order_by(AuditEvent.at.desc(), AuditEvent.id).limit(limit)
    if study_id is not None:
        statement = statement.where(AuditEvent.study_id == study_id)
    if since is not None:
        statement = statement.where(AuditEvent.at >= since)
    return list(session.scalars(statement))
