"""Reports: built once, found again by UID. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from db.tables import Job, Report


@dataclass(frozen=True, slots=True)
class NewReport:
    """A built report whose bytes are in the store."""

    id: UUID
    study_id: UUID
    case_id: UUID
    kind: str
    sop_instance_uid: str
    series_instance_uid: str
    path: str
    sha256: str

    def __repr__(self) -> str:
        return f"NewReport(id={self.id})"


def add(session: Session, report: NewReport, *, now: datetime) -> None:
    """Write the report down, before it is sent for the first time."""
    session.add(
        Report(
            id=report.id,
            study_id=report.study_id,
            case_id=report.case_id,
            kind=report.kind,
            sop_instance_uid=report.sop_instance_uid,
            series_instance_uid=report.series_instance_uid,
            path=report.path,
            sha256=report.sha256,
            created_at=now,
        )
    )


def is_known(session: Session, sop_instance_uid: str) -> bool:
    """Whether an object is one of our own reports."""
    return session.scalar(select(Report.id).where(Report.sop_instance_uid == sop_instance_uid)) is not None


def of_case(session: Session, case_id: UUID) -> list[Report]:
    """The reports of a case."""
    return list(session.scalars(select(Report).where(Report.case_id == case_id).order_by(Report.kind)))


def deliveries(session: Session, report_id: UUID) -> list[Job]:
    """The delivery of a report to each destination."""
    return list(session.scalars(select(Job).where(Job.subject == report_id, Job.stage == JobStage.DELIVER)))


def delivery_state(job: Job) -> str:
    """``waiting``, ``sent``, ``superseded`` or ``failed``."""
    if job.state is JobState.DONE:
        return "superseded" if job.error == "superseded" else "sent"
    return "failed" if job.state is JobState.DEAD else "waiting"
