"""What the pages show: a worklist by cursor, counts, and one study with all that hangs on it. Nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from core.types import InstanceState, Label, Outcome, Stage
from db.reports import NO_DESTINATION, delivery_state, how_they_stand
from db.tables import Case, Instance, Job, Prediction, Report, Study
from db.worklist_rows import state_of


class Show(StrEnum):
    """Which studies a worklist shows. All but the first and the last part the studies between them."""

    ALL = "all"
    AT_WORK = "at_work"
    NORMAL = "normal"
    ISCHEMIA = "ischemia"
    INFARCTION = "infarction"
    NEEDS_REVIEW = "needs_review"
    NO_RESULT = "no_result"
    QUARANTINED = "quarantined"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last study of a page; the next page begins after it."""

    received_at: datetime
    study_id: UUID

    def __str__(self) -> str:
        return f"{self.received_at.timestamp():.6f}_{self.study_id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that was printed so; ValueError for anything else."""
        stamp, _, key = text.partition("_")
        try:
            return cls(datetime.fromtimestamp(float(stamp), UTC), UUID(hex=key))
        except (OverflowError, OSError):
            raise ValueError("no time") from None


@dataclass(frozen=True, slots=True)
class Row:
    """A study of the worklist with its newest revision."""

    study: Study
    case: Case | None
    said: Prediction | None
    state: str
    deliveries: tuple[str, ...]
    """The states of its newest revision's deliveries, each once."""
    in_quarantine: int
    """How many of its objects are in quarantine."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of studies, newest first, and where the next begins."""

    rows: tuple[Row, ...] = field(repr=False)
    next: Cursor | None


def worklist(session: Session, show: Show = Show.ALL, *, after: Cursor | None = None, limit: int = 50) -> Worklist:
    """The studies to show, at most ``limit``, in a number of queries that does not grow with them."""
    found = session.execute(_statement(show, after).limit(limit + 1)).all()
    listed = found[:limit]
    studies = [study.id for study, _, _ in listed]
    cases = [case.id for _, case, _ in listed if case is not None]
    states = _deliveries(session, cases)
    preparing = _studies_with(session, studies, InstanceState.RECEIVED)
    quarantined = _studies_with(session, studies, InstanceState.QUARANTINED)
    rows = tuple(
        Row(
            study=study,
            case=case,
            said=said,
            state=state_of(case, preparing=study.id in preparing),
            deliveries=states.get(case.id, ()) if case else (),
            in_quarantine=quarantined.get(study.id, 0),
        )
        for study, case, said in listed
    )
    last = rows[-1].study if len(found) > limit else None
    return Worklist(rows, Cursor(last.received_at, last.id) if last else None)


def counts(session: Session) -> dict[Show, int]:
    """How many studies each choice shows."""
    statement = (
        select(Case.stage, Case.outcome, Case.label, func.count())
        .where(Case.superseded_at.is_(None))
        .group_by(Case.stage, Case.outcome, Case.label)
    )
    found = dict.fromkeys(Show, 0)
    cased = 0
    for stage, outcome, label, number in session.execute(statement):
        cased += number
        found[_place(stage, outcome, label)] += number
    found[Show.ALL] = session.scalar(select(func.count()).select_from(Study)) or 0
    found[Show.AT_WORK] += max(0, found[Show.ALL] - cased)
    undelivered = select(func.count(Case.study_id.distinct())).where(Case.superseded_at.is_(None), _undelivered())
    found[Show.UNDELIVERED] = session.scalar(undelivered) or 0
    return found


def _place(stage: Stage, outcome: Outcome | None, label: Label | None) -> Show:
    if stage is not Stage.DONE or outcome is None:
        return Show.AT_WORK
    if outcome is Outcome.ACCEPTED and label is not None:
        return Show(label.value)
    return Show(outcome.value) if outcome is not Outcome.ACCEPTED else Show.AT_WORK


def _statement(show: Show, after: Cursor | None) -> Select[Study, Case, Prediction]:
    current = and_(Case.study_id == Study.id, Case.superseded_at.is_(None))
    whole = and_(Prediction.case_id == Case.id, Prediction.view == "")
    statement = (
        select(Study, Case, Prediction)
        .outerjoin(Case, current)
        .outerjoin(Prediction, whole)
        .where(*_shown(show))
        .order_by(Study.received_at.desc(), Study.id.desc())
    )
    if after is not None:
        earlier = Study.received_at < after.received_at
        tied = and_(Study.received_at == after.received_at, Study.id < after.study_id)
        # The first condition is implied; it lets the index find the place.
        statement = statement.where(Study.received_at <= after.received_at, or_(earlier, tied))
    return statement


def _shown(show: Show) -> tuple[ColumnElement[bool], ...]:
    if show is Show.ALL:
        return ()
    if show is Show.AT_WORK:
        return (or_(Case.id.is_(None), Case.stage != Stage.DONE, Case.outcome.is_(None)),)
    if show is Show.UNDELIVERED:
        return (_undelivered(),)
    done = Case.stage == Stage.DONE
    if show in {Show.NORMAL, Show.ISCHEMIA, Show.INFARCTION}:
        return done, Case.outcome == Outcome.ACCEPTED, Case.label == Label(show.value)
    return done, Case.outcome == Outcome(show.value)


def _undelivered() -> ColumnElement[bool]:
    """Whether a delivery of the case's was given up."""
    return exists().where(
        Report.case_id == Case.id,
        Job.subject == Report.id,
        Job.stage == JobStage.DELIVER,
        Job.state == JobState.DEAD,
    )


def _deliveries(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    """By case, the states of the deliveries of its reports."""
    delivered = and_(Job.subject == Report.id, Job.stage == JobStage.DELIVER)
    statement = select(Report.case_id, Job).outerjoin(Job, delivered).where(Report.case_id.in_(case_ids))
    found: dict[UUID, set[str]] = defaultdict(set)
    for case_id, job in session.execute(statement):
        found[case_id].add(delivery_state(job) if job is not None else NO_DESTINATION)
    return {case_id: tuple(how_they_stand(states)) for case_id, states in found.items()}


def _studies_with(session: Session, study_ids: Sequence[UUID], state: InstanceState) -> dict[UUID, int]:
    """How many current objects in that state each of the studies has; those without are left out."""
    statement = (
        select(Instance.study_id, func.count())
        .where(Instance.study_id.in_(study_ids), Instance.state == state, Instance.current)
        .group_by(Instance.study_id)
    )
    return {study_id: int(number) for study_id, number in session.execute(statement)}
