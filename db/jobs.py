"""Jobs: the rows that are the truth about what is to be done. Nothing here commits."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.jobs import QUEUE_OF, Bell, JobStage, JobState
from db.tables import ERROR_LENGTH, Job

_MANY = 500
"""So many keys go into one statement."""
_LONGEST_SILENCE = timedelta(minutes=10)
_INSERT = {
    name: insert(Job).on_conflict_do_nothing(index_elements=["subject", "stage", "destination"]).returning(Job.id)
    for name, insert in (("sqlite", sqlite_insert), ("postgresql", postgresql_insert))
}
"""Made once: a job comes with every object received."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that is ours until its lease runs out."""

    id: UUID
    token: UUID
    stage: JobStage
    subject: UUID
    destination: str
    attempts: int


def add(
    session: Session,
    stage: JobStage,
    *,
    subject: UUID,
    now: datetime,
    destination: str = "",
    ring_again: timedelta,
    delay: timedelta = timedelta(0),
) -> Bell | None:
    """Add the job and return the bell to ring after the commit; None where the same job stands already.

    One with a delay is rung for by the reconciler when it is due.
    """
    row = {
        "id": uuid4(),
        "stage": stage,
        "queue": QUEUE_OF[stage],
        "subject": subject,
        "destination": destination,
        "state": JobState.WAITING,
        "attempts": 0,
        "rings": 0,
        "due_at": now + delay,
        "ring_at": now + (delay or ring_again),
        "created_at": now,
    }
    added = session.connection().execute(_INSERT[session.get_bind().dialect.name], row).scalar_one_or_none()
    return Bell(added, QUEUE_OF[stage]) if added and not delay else None


def ask_again(session: Session, stage: JobStage, *, subject: UUID, now: datetime, ring_again: timedelta) -> Bell | None:
    """As ``add``, but where the same job has ended, it becomes due again with all its attempts."""
    added = add(session, stage, subject=subject, now=now, ring_again=ring_again)
    if added is not None:
        return added
    job = _same(session, stage, subject, "")
    if job.state not in {JobState.DONE, JobState.DEAD}:
        return None
    return _begin_again(job, now=now, ring_at=now + ring_again)


def ask_all_again(session: Session, stage: JobStage, *, subjects: Sequence[UUID], now: datetime) -> None:
    """As ``ask_again``, due at once, for any number of subjects in a few statements; the reconciler rings for them."""
    for start in range(0, len(subjects), _MANY):
        some = subjects[start : start + _MANY]
        same = (Job.stage == stage, Job.destination == "", Job.subject.in_(some))
        known = set(session.scalars(select(Job.subject).where(*same)))
        for subject in some:
            if subject not in known:
                add(session, stage, subject=subject, now=now, ring_again=timedelta(0))
        ended = update(Job).where(*same, Job.state.in_((JobState.DONE, JobState.DEAD)))
        due = _due_again(stage, now=now, ring_at=now)
        session.execute(ended.values(due), execution_options={"synchronize_session": False})
    session.expire_all()


def ask_later(
    session: Session, stage: JobStage, *, subject: UUID, destination: str, now: datetime, delay: timedelta
) -> None:
    """The job is due after the delay, whether it is new or has ended; one that waits or runs is left as it is."""
    add(session, stage, subject=subject, now=now, destination=destination, ring_again=delay, delay=delay)
    job = _same(session, stage, subject, destination)
    if job.state in {JobState.DONE, JobState.DEAD}:
        _begin_again(job, now=now + delay, ring_at=now + delay)


def _same(session: Session, stage: JobStage, subject: UUID, destination: str) -> Job:
    same = select(Job).where(Job.subject == subject, Job.stage == stage, Job.destination == destination)
    return session.scalars(same.with_for_update()).one()


def claim(
    session: Session, job_id: UUID, *, now: datetime, lease: timedelta, stages: Container[JobStage] = tuple(JobStage)
) -> Claimed | None:
    """Take the job if it is due, of one of the stages, and nobody holds it; counts the attempt."""
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.stage not in stages or not _free(job, now):
        return None
    job.state = JobState.RUNNING
    job.attempts += 1
    job.lease_token = uuid4()
    job.lease_until = job.ring_at = now + lease
    job.rings = 0
    return Claimed(job.id, job.lease_token, job.stage, job.subject, job.destination, job.attempts)


def _free(job: Job, now: datetime) -> bool:
    if job.state is JobState.WAITING:
        return job.due_at <= now
    return job.state is JobState.RUNNING and (job.lease_until is None or job.lease_until <= now)


def _held(session: Session, claimed: Claimed) -> Job | None:
    job = session.get(Job, claimed.id, with_for_update=True, populate_existing=True)
    return job if job is not None and job.lease_token == claimed.token else None


def renew(session: Session, claimed: Claimed, *, now: datetime, lease: timedelta) -> bool:
    """Hold the lease longer; False when it is no longer ours."""
    job = _held(session, claimed)
    if job is None:
        return False
    job.lease_until = job.ring_at = now + lease
    return True


def finish(session: Session, claimed: Claimed, *, now: datetime, note: str | None = None) -> bool:
    """Mark the job done, if it is still ours; the caller then writes the result in the same transaction."""
    return _end(session, claimed, JobState.DONE, now=now, error=note)


def bury(session: Session, claimed: Claimed, *, now: datetime, error: str) -> bool:
    """Give the job up, if it is still ours; an administrator may retry it."""
    return _end(session, claimed, JobState.DEAD, now=now, error=error)


def _end(session: Session, claimed: Claimed, state: JobState, *, now: datetime, error: str | None) -> bool:
    job = _held(session, claimed)
    if job is None:
        return False
    job.state, job.error, job.finished_at = state, error and error[:ERROR_LENGTH], now
    job.lease_token = job.lease_until = None
    return True


def retry_later(session: Session, claimed: Claimed, *, now: datetime, wait: timedelta, error: str) -> bool:
    """Put the job back, due after ``wait``, if it is still ours."""
    job = _held(session, claimed)
    if job is None:
        return False
    job.state, job.error, job.rings = JobState.WAITING, error[:ERROR_LENGTH], 0
    job.due_at = job.ring_at = now + wait
    job.lease_token = job.lease_until = None
    return True


def postpone(session: Session, claimed: Claimed, *, now: datetime, wait: timedelta, error: str) -> bool:
    """As ``retry_later``, but this was no attempt; what went wrong in an earlier one is kept."""
    job = _held(session, claimed)
    if job is None:
        return False
    kept = job.error
    retry_later(session, claimed, now=now, wait=wait, error=error)
    job.attempts, job.error = claimed.attempts - 1, kept or job.error
    return True


def revive(session: Session, job_id: UUID, *, now: datetime) -> Bell | None:
    """Make a dead job due again with all its attempts; None if it is not dead."""
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.state is not JobState.DEAD:
        return None
    return _begin_again(job, now=now, ring_at=now)


def _begin_again(job: Job, *, now: datetime, ring_at: datetime) -> Bell:
    for name, value in _due_again(job.stage, now=now, ring_at=ring_at).items():
        setattr(job, name, value)
    return Bell(job.id, job.queue)


def _due_again(stage: JobStage, *, now: datetime, ring_at: datetime) -> dict[str, Any]:
    """The columns of a job that ended and is to be done once more, with all its attempts."""
    attempts = 1 if stage is JobStage.DELIVER else 0  # that it was tried once must not be forgotten
    anew = {"state": JobState.WAITING, "attempts": attempts, "rings": 0, "due_at": now, "ring_at": ring_at}
    return {**anew, "error": None, "finished_at": None}


def put_back(job: Job, *, now: datetime, error: str) -> None:
    """A delivery that was done is to be done again, for the reason given; its attempts begin anew."""
    _begin_again(job, now=now, ring_at=now)
    job.error = error


def call_off(session: Session, subjects: Select[UUID], *, now: datetime) -> None:
    """End every open job of these subjects: nobody wants its result any more."""
    open_ones = select(Job).where(Job.subject.in_(subjects), Job.state.in_((JobState.WAITING, JobState.RUNNING)))
    for job in session.scalars(open_ones):
        job.state, job.error, job.finished_at = JobState.DONE, "called_off", now
        job.lease_token = job.lease_until = None


def overdue(session: Session, *, before: datetime) -> int:
    """How many jobs have been due since ``before`` and nobody works on them."""
    waiting = and_(Job.state == JobState.WAITING, Job.due_at <= before)
    lost = and_(Job.state == JobState.RUNNING, Job.lease_until <= before)
    return session.scalar(select(func.count()).select_from(Job).where(or_(waiting, lost))) or 0


def to_ring(session: Session, *, now: datetime, ring_again: timedelta, limit: int = 500) -> list[Bell]:
    """Bells for what is due and silent: waiting jobs not rung lately, and running ones whose lease ran out.

    Each ring doubles the silence until the next one, so that a backlog does not multiply its messages.
    """
    jobs = session.scalars(
        select(Job).where(_overdue(now)).order_by(Job.ring_at).limit(limit).with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        job.rings += 1
        job.ring_at = now + min(ring_again * 2 ** min(job.rings, 16), _LONGEST_SILENCE)
    return [Bell(job.id, job.queue) for job in jobs]


def anything_to_ring(session: Session, *, now: datetime) -> bool:
    """Whether ``to_ring`` would find something; only reads."""
    return session.scalar(select(Job.id).where(_overdue(now)).limit(1)) is not None


def _overdue(now: datetime) -> ColumnElement[bool]:
    waiting = and_(Job.state == JobState.WAITING, Job.due_at <= now, Job.ring_at <= now)
    lost = and_(Job.state == JobState.RUNNING, Job.lease_until <= now, Job.ring_at <= now)
    return or_(waiting, lost)


def counts(session: Session) -> dict[tuple[JobStage, JobState], int]:
    """How many jobs stand at each stage and state."""
    rows = session.execute(select(Job.stage, Job.state, func.count()).group_by(Job.stage, Job.state))
    return {(stage, state): n for stage, state, n in rows}


def listed(session: Session, *, states: tuple[JobState, ...], limit: int = 200) -> list[Job]:
    """Jobs in one of the states, newest first."""
    statement = select(Job).where(Job.state.in_(states)).order_by(Job.created_at.desc()).limit(limit)
    return list(session.scalars(statement))
