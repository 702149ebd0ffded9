"""What retention may delete: studies whose work is done, nothing else. Nothing here commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from core.jobs import JobState
from core.types import InstanceState, Reason, Stage
from db.tables import (
    Case,
    Commitment,
    CommitmentItem,
    Instance,
    Job,
    Prediction,
    Report,
    Review,
    SearchKey,
    Study,
    ViewImage,
)

_UNFINISHED = (JobState.WAITING, JobState.RUNNING, JobState.DEAD)
"""A job that was given up is no end: an administrator may retry it, and needs the files for that."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a study still holds on disk: paths relative to the store, and their size in bytes as far as rows know it."""

    study_id: UUID
    paths: tuple[str, ...]
    size: int


def with_objects(session: Session, *, before: datetime, limit: int, after: UUID | None = None) -> list[UUID]:
    """Done studies without a new object since ``before`` that still have files, in the order of their keys."""
    kept = or_(
        exists().where(Instance.study_id == Study.id, Instance.purged_at.is_(None)),
        exists().where(Report.study_id == Study.id, Report.purged_at.is_(None)),
    )
    return _keys(session, select(Study.id).where(_old(before), _done(), kept), limit=limit, after=after)


def whole(session: Session, *, before: datetime, limit: int, after: UUID | None = None) -> list[UUID]:
    """Done studies without a new object since ``before``, in the order of their keys."""
    return _keys(session, select(Study.id).where(_old(before), _done()), limit=limit, after=after)


def unfinished(session: Session, *, before: datetime) -> int:
    """How many studies are old enough and are kept, because something about them is not done."""
    return session.scalar(select(func.count()).select_from(Study).where(_old(before), ~_done())) or 0


def may_go(session: Session, study_id: UUID, *, before: datetime) -> bool:
    """Whether the study, locked by the caller, is still old and done."""
    return session.scalar(select(Study.id).where(Study.id == study_id, _old(before), _done())) is not None


def holding(session: Session, study_id: UUID) -> Holding:
    """The files of a study that no purge has taken yet."""
    objects = session.execute(
        select(Instance.path, Instance.size).where(Instance.study_id == study_id, Instance.purged_at.is_(None))
    ).all()
    pages = session.scalars(select(Report.path).where(Report.study_id == study_id, Report.purged_at.is_(None))).all()
    return Holding(study_id, (*(path for path, _ in objects), *pages), sum(size for _, size in objects))


def mark_purged(session: Session, study_id: UUID, *, now: datetime) -> None:
    """From now on the rows say that the study's files are gone."""
    session.execute(
        update(Instance).where(Instance.study_id == study_id, Instance.purged_at.is_(None)).values(purged_at=now)
    )
    session.execute(update(Report).where(Report.study_id == study_id, Report.purged_at.is_(None)).values(purged_at=now))


def purged_paths(session: Session, paths: Sequence[str]) -> frozenset[str]:
    """Those of the files whose rows say that they are gone."""
    objects = session.scalars(select(Instance.path).where(Instance.path.in_(paths), Instance.purged_at.is_not(None)))
    pages = session.scalars(select(Report.path).where(Report.path.in_(paths), Report.purged_at.is_not(None)))
    return frozenset(objects) | frozenset(pages)


def forget(session: Session, study_id: UUID) -> None:
    """Delete every row of a study but its audit events. Its files must be gone."""
    for statement in (
        delete(Job).where(Job.subject.in_(subjects(study_id))),
        delete(CommitmentItem).where(CommitmentItem.commitment_id.in_(_requests(study_id))),
        delete(Commitment).where(Commitment.id.in_(_requests(study_id))),
        delete(Prediction).where(Prediction.case_id.in_(select(Case.id).where(Case.study_id == study_id))),
        delete(Case).where(Case.study_id == study_id),
        delete(ViewImage).where(ViewImage.study_id == study_id),
        delete(Report).where(Report.study_id == study_id),
        delete(Review).where(Review.study_id == study_id),
        delete(Instance).where(Instance.study_id == study_id),
        delete(SearchKey).where(SearchKey.study_id == study_id),
        delete(Study).where(Study.id == study_id),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})


def _keys(session: Session, statement: Select[UUID], *, limit: int, after: UUID | None) -> list[UUID]:
    if after is not None:
        statement = statement.where(Study.id > after)
    return list(session.scalars(statement.order_by(Study.id).limit(limit)))


def _old(before: datetime) -> ColumnElement[bool]:
    return Study.last_received_at < before


def _done() -> ColumnElement[bool]:
    """Settled, its newest revision done, no job open or given up, nothing in quarantine that waits for a decision."""
    current = exists().where(
        Case.study_id == Study.id,
        Case.superseded_at.is_(None),
        Case.stage == Stage.DONE,
        or_(Case.reason.is_(None), Case.reason != Reason.PATIENTS_DIFFER),
    )
    undecided = exists().where(
        Instance.study_id == Study.id,
        Instance.current,
        Instance.decision.is_(None),
        Instance.state.in_((InstanceState.QUARANTINED, InstanceState.RECEIVED)),
        or_(Instance.candidate, Instance.state == InstanceState.QUARANTINED),
    )
    return and_(Study.waiting_since.is_(None), current, ~undecided, ~_has_open_job())


def _has_open_job() -> ColumnElement[bool]:
    def job_of(subject: Select[UUID]) -> ColumnElement[bool]:
        return exists().where(Job.state.in_(_UNFINISHED), Job.subject.in_(subject))

    return or_(*(job_of(subjects) for subjects in _by_kind(Study.id)))


def subjects(study_id: UUID) -> Select[UUID]:
    """The keys that jobs of a study have as their subjects."""
    first, *rest = _by_kind(study_id)
    return first.union_all(*rest)  # type: ignore[return-value] # a compound select serves IN as well


def _by_kind(study_id: object) -> tuple[Select[UUID], ...]:
    return (
        select(Instance.id).where(Instance.study_id == study_id),
        select(Case.id).where(Case.study_id == study_id),
        select(Report.id).where(Report.study_id == study_id),
        _requests(study_id),
    )


def _requests(study_id: object) -> Select[UUID]:
    """The study's requests for commitment."""
    cases = select(Case.id).where(Case.study_id == study_id)
    return select(Commitment.id).where(Commitment.case_id.in_(cases))
