"""Storage commitment: what was asked of which destination, and what it answered. Nothing here commits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from core.phi import Phi
from db import jobs
from db.reports import COMMITTED, FOUND, UNCONFIRMED
from db.tables import Commitment, CommitmentItem, Job, Report

PREPARED, ASKED, STORED, FAILED, UNANSWERED = "prepared", "asked", "stored", "failed", "unanswered"
"""An object of a request is prepared until the destination has taken the request, then asked about."""

_OPEN = (PREPARED, ASKED)
NOT_FOUND = 0x0112
"""No such object instance: the Failure Reason of what a query does not find (PS3.3 C.14.1.1)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An object that a destination is asked about; ``report_id`` is None for a test object."""

    sop_class_uid: str
    sop_instance_uid: Phi
    report_id: UUID | None

    def __repr__(self) -> str:
        return f"Asked(report_id={self.report_id})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said: objects it has stored for good, and others with their Failure Reasons."""

    stored: frozenset[Phi]
    failed: Mapping[Phi, int]

    def __repr__(self) -> str:
        return f"Answer(stored={len(self.stored)}, failed={len(self.failed)})"


def to_ask(session: Session, case_id: UUID, destination: str) -> list[Report]:
    """The case's reports that the destination has taken and was not asked about since."""
    asked = exists().where(
        CommitmentItem.report_id == Report.id,
        CommitmentItem.commitment_id == Commitment.id,
        Commitment.destination == destination,
        CommitmentItem.state == ASKED,
        Commitment.created_at >= Job.finished_at,
    )
    statement = (
        select(Report)
        .join(Job, and_(Job.subject == Report.id, Job.stage == JobStage.DELIVER, Job.destination == destination))
        .where(Report.case_id == case_id, Job.state == JobState.DONE, Job.error.is_(None), ~asked)
        .order_by(Report.created_at, Report.kind)
    )
    return list(session.scalars(statement))


def begin(
    session: Session,
    items: Sequence[Asked],
    *,
    transaction_uid: Phi,
    destination: str,
    case_id: UUID | None,
    now: datetime,
) -> UUID:
    """Write a request down, before it is made; its key. An answer to it counts from now on."""
    row = Commitment(
        id=uuid4(), transaction_uid=transaction_uid, case_id=case_id, destination=destination, created_at=now
    )
    session.add(row)
    session.flush()
    for item in items:
        session.add(
            CommitmentItem(
                commitment_id=row.id,
                report_id=item.report_id,
                sop_class_uid=item.sop_class_uid,
                sop_instance_uid=item.sop_instance_uid,
                state=PREPARED,
            )
        )
    return row.id


def made(session: Session, commitment_id: UUID) -> bool:
    """The destination has taken the request; whether its answer is still to come."""
    request = locked(session, commitment_id)
    for item in items(session, commitment_id, states=[PREPARED]):
        item.state = ASKED
    return request.settled_at is None


def of_transaction(session: Session, transaction_uid: Phi) -> Commitment | None:
    """The request of that Transaction UID, locked."""
    return session.scalars(
        select(Commitment).where(Commitment.transaction_uid == transaction_uid).with_for_update()
    ).one_or_none()


def locked(session: Session, commitment_id: UUID) -> Commitment:
    """A request, locked until the transaction ends."""
    return session.scalars(select(Commitment).where(Commitment.id == commitment_id).with_for_update()).one()


def items(session: Session, commitment_id: UUID, *, states: Collection[str] | None = None) -> list[CommitmentItem]:
    """The objects of a request, or those in one of the states."""
    statement = select(CommitmentItem).where(CommitmentItem.commitment_id == commitment_id)
    if states is not None:
        statement = statement.where(CommitmentItem.state.in_(states))
    return list(session.scalars(statement))


def is_settled_by(session: Session, transaction_uid: Phi) -> bool:
    """Whether nothing more is expected of a request; only reads."""
    statement = select(Commitment.settled_at).where(Commitment.transaction_uid == transaction_uid)
    return session.scalar(statement) is not None


def apply(session: Session, commitment: Commitment, answer: Answer, *, most: int, now: datetime) -> None:
    """Write an answer down; the request is locked. What was answered for before stays as it is.

    What is stored makes its delivery committed, however late. What is not is sent again, ``most`` times in all.
    """
    for item in items(session, commitment.id):
        if item.state in {STORED, FAILED}:
            continue
        if item.sop_instance_uid in answer.stored:
            item.state = STORED
            _note(session, item, commitment.destination, COMMITTED)
        elif item.sop_instance_uid in answer.failed:
            item.state, item.reason = FAILED, answer.failed[item.sop_instance_uid]
            _send_again(session, item, commitment.destination, most=most, now=now)
    session.flush()
    if commitment.settled_at is None and not items(session, commitment.id, states=_OPEN):
        commitment.settled_at = now
        jobs.call_off(session, select(Commitment.id).where(Commitment.id == commitment.id), now=now)


def give_up(session: Session, commitment: Commitment, *, found: frozenset[Phi], now: datetime) -> None:
    """No answer came: what is still asked is unconfirmed, or was found by a query. A later answer counts as any."""
    for item in items(session, commitment.id, states=_OPEN):
        item.state = UNANSWERED
        _note(session, item, commitment.destination, FOUND if item.sop_instance_uid in found else UNCONFIRMED)
    commitment.settled_at = commitment.settled_at or now


def leave_unconfirmed(session: Session, reports: Sequence[Report], destination: str) -> None:
    """The destination cannot be asked about these."""
    for report in reports:
        job = _delivery(session, report.id, destination)
        if job is not None and job.state is JobState.DONE and job.error is None:
            job.error = UNCONFIRMED


def _delivery(session: Session, report_id: UUID | None, destination: str) -> Job | None:
    same = (Job.subject == report_id, Job.stage == JobStage.DELIVER, Job.destination == destination)
    return session.scalars(select(Job).where(*same).with_for_update()).one_or_none()


def _note(session: Session, item: CommitmentItem, destination: str, note: str) -> None:
    """A delivery that is done says so beside; what is committed stays that, and what was called off, too."""
    job = _delivery(session, item.report_id, destination)
    if job is not None and job.state is JobState.DONE and job.error in {None, UNCONFIRMED, FOUND}:
        job.error = note


def _send_again(session: Session, item: CommitmentItem, destination: str, *, most: int, now: datetime) -> None:
    job = _delivery(session, item.report_id, destination)
    if job is None or job.state is not JobState.DONE or job.error not in {None, UNCONFIRMED, FOUND}:
        return
    failures = select(func.count()).where(
        CommitmentItem.report_id == item.report_id,
        CommitmentItem.commitment_id == Commitment.id,
        Commitment.destination == destination,
        CommitmentItem.state == FAILED,
    )
    session.flush()
    code = f"not_committed:{item.reason or 0:04X}"
    if (session.scalar(failures) or 0) >= most:
        job.state, job.error = JobState.DEAD, code
        return
    jobs.put_back(job, now=now, error=code)
