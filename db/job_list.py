"""Jobs that are not done, as an administrator lists them, with the study that each belongs to. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from db.tables import Case, Commitment, Instance, Job, Report

OPEN = (JobState.DEAD, JobState.RUNNING, JobState.WAITING)
_OF_CASES = {JobStage.CLASSIFY, JobStage.REPORT, JobStage.COMMIT, JobStage.REJECT}


@dataclass(frozen=True, slots=True)
class Listed:
    """A job, and the study that it works for where there is one."""

    job: Job
    study_id: UUID | None


def listed(
    session: Session, states: Sequence[JobState], stage: JobStage | None, *, limit: int, offset: int = 0
) -> list[Listed]:
    """Open jobs: those that were given up first, then newest first."""
    statement = select(Job).where(Job.state.in_(states))
    if stage is not None:
        statement = statement.where(Job.stage == stage)
    order = (Job.state == JobState.DEAD).desc(), Job.created_at.desc(), Job.id
    found = session.scalars(statement.order_by(*order).limit(limit).offset(offset)).all()
    studies = _studies(session, found)
    return [Listed(job, studies.get(job.subject)) for job in found]


def count(session: Session, state: JobState) -> int:
    """How many jobs are in a state."""
    return session.scalar(select(func.count()).select_from(Job).where(Job.state == state)) or 0


def _studies(session: Session, found: Sequence[Job]) -> dict[UUID, UUID]:
    """By subject: an object's, a case's, a report's, a request's study."""

    def subjects(stages: set[JobStage]) -> list[UUID]:
        return [job.subject for job in found if job.stage in stages]

    commitments = (
        select(Commitment.id, Case.study_id)
        .join(Case, Case.id == Commitment.case_id)
        .where(Commitment.id.in_(subjects({JobStage.CONFIRM})))
    )
    statements = (
        select(Instance.id, Instance.study_id).where(Instance.id.in_(subjects({JobStage.PREPARE}))),
        select(Case.id, Case.study_id).where(Case.id.in_(subjects(_OF_CASES))),
        select(Report.id, Report.study_id).where(Report.id.in_(subjects({JobStage.DELIVER}))),
        commitments,
    )
    return {key: study for statement in statements for key, study in session.execute(statement)}
