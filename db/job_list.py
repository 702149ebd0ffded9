"""Jobs that are not done, as an administrator lists them, with the study that each belongs to. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from db.column_types import UtcDateTime
from db.cursor import Cursor
from db.tables import Case, Commitment, Instance, Job, Report

OPEN = (JobState.DEAD, JobState.RUNNING, JobState.WAITING)
_OF_CASES = {JobStage.CLASSIFY, JobStage.REPORT, JobStage.COMMIT, JobStage.REJECT}


@dataclass(frozen=True, slots=True)
class Listed:
    """A job, and the study that it works for where there is one."""

    job: Job
    study_id: UUID | None


@dataclass(frozen=True, slots=True)
class Place:
    """The last job of a page; the next page begins after it, whatever became of it."""

    given_up: bool
    cursor: Cursor

    def __str__(self) -> str:
        return f"{_GIVEN_UP if self.given_up else ''}{self.cursor}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that was printed so; ValueError for anything else."""
        return cls(text.startswith(_GIVEN_UP), Cursor.parse(text.removeprefix(_GIVEN_UP)))


_GIVEN_UP = "dead_"


def page(
    session: Session, states: Sequence[JobState], stage: JobStage | None, *, after: Place | None, limit: int
) -> tuple[list[Listed], Place | None]:
    """Open jobs, those that were given up first, then newest first; and where the next page begins, if there is one."""
    statement = select(Job).where(Job.state.in_(states))
    if stage is not None:
        statement = statement.where(Job.stage == stage)
    if after is not None:
        statement = statement.where(_beyond(after))
    order = _IS_DEAD.desc(), Job.created_at.desc(), Job.id.desc()
    found = session.scalars(statement.order_by(*order).limit(limit + 1)).all()
    last = found[limit - 1] if len(found) > limit else None
    studies = _studies(session, found[:limit])
    following = Place(last.state is JobState.DEAD, Cursor(last.created_at, last.id)) if last else None
    return [Listed(job, studies.get(job.subject)) for job in found[:limit]], following


_IS_DEAD = Job.state == JobState.DEAD


def _beyond(after: Place) -> ColumnElement[bool]:
    last = tuple_(literal(after.cursor.at, UtcDateTime()), literal(after.cursor.key))
    older = tuple_(Job.created_at, Job.id) < last
    return or_(~_IS_DEAD, older) if after.given_up else and_(~_IS_DEAD, older)


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
