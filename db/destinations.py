"""Destinations: whose turn it is, and which is down. What waits for one that is down costs the others nothing.

One job at a time goes to a destination, so that one that keeps silent holds up one worker process at most. After a
failure nobody tries for a while, and then one job alone. Nothing here commits.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from db.jobs import Claimed
from db.session import insert_into
from db.tables import DestinationState, Job

STAGES = (JobStage.DELIVER, JobStage.COMMIT, JobStage.CONFIRM)
"""The stages that talk to a destination."""

WAITS = "waits_for_destination"
"""The code of a job that was put off because its destination is down or busy."""

_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=1)
POLL = timedelta(milliseconds=50)
"""Who is told to wait no longer than this need not give its job back."""

LONGEST_TURN = timedelta(milliseconds=500)
"""Whose turn lasts longer than this is no longer waited for by another process."""


def enter(session: Session, claimed: Claimed, *, now: datetime) -> timedelta | None:
    """Take the turn for a claimed job; else how long to wait, and then every other job waits as long."""
    state = _locked(session, claimed.destination)
    wait = _wait(session, state, claimed, now=now)
    if wait is None:
        state.holder, state.held_since = claimed.id, now
        return None
    if wait > POLL:
        _put_off(session, claimed.destination, until=now + wait)
    return wait


def _wait(session: Session, state: DestinationState, claimed: Claimed, *, now: datetime) -> timedelta | None:
    if state.closed_until is not None and state.closed_until > now:
        return state.closed_until - now
    if state.holder is None or state.holder == claimed.id or not _runs(session, state.holder, now=now):
        return None
    lasted = now - (state.held_since or now)
    return POLL if lasted < LONGEST_TURN and not state.failures else max(LONGEST_TURN, min(lasted, _LONGEST_PAUSE))


def _runs(session: Session, job_id: UUID, *, now: datetime) -> bool:
    found = session.execute(select(Job.state, Job.lease_until).where(Job.id == job_id)).first()
    return found is not None and found[0] is JobState.RUNNING and found[1] is not None and found[1] > now


def failed(session: Session, name: str, *, now: datetime) -> None:
    """It did not answer: nobody tries for a while, ever longer up to a minute."""
    state = _locked(session, name)
    state.failures += 1
    state.closed_until = now + min(_FIRST_PAUSE * 2 ** min(state.failures - 1, 10), _LONGEST_PAUSE)
    state.holder = None
    _put_off(session, name, until=state.closed_until)


def answered(session: Session, name: str, *, now: datetime, away: Collection[str]) -> None:
    """It did: what waited for that, or failed with one of the codes ``away``, is due at once."""
    state = _locked(session, name)
    if not state.failures:
        return
    state.failures, state.closed_until = 0, None
    session.execute(
        update(Job)
        .where(Job.destination == name, Job.stage.in_(STAGES), Job.state == JobState.WAITING)
        .where(Job.error.in_([WAITS, *away]))
        .values(due_at=now, ring_at=now, rings=0)
    )


def is_down(session: Session, name: str) -> bool:
    """Whether it failed when it was last tried; only reads."""
    return bool(session.scalar(select(DestinationState.failures).where(DestinationState.name == name)))


def listed(session: Session) -> list[DestinationState]:
    """Every destination that something was sent to."""
    return list(session.scalars(select(DestinationState).order_by(DestinationState.name)))


def _put_off(session: Session, name: str, *, until: datetime) -> None:
    """What would be due before is due then; a job without a reason gets one."""
    waiting = (
        Job.destination == name,
        Job.stage.in_((JobStage.DELIVER, JobStage.COMMIT)),
        Job.state == JobState.WAITING,
        Job.due_at < until,
    )
    session.execute(update(Job).where(*waiting, Job.error.is_(None)).values(error=WAITS))
    session.execute(update(Job).where(*waiting).values(due_at=until, ring_at=until, rings=0))


def _locked(session: Session, name: str) -> DestinationState:
    row = {"name": name, "failures": 0}
    session.execute(insert_into(session, DestinationState).values(row).on_conflict_do_nothing(index_elements=["name"]))
    same = select(DestinationState).where(DestinationState.name == name).with_for_update()
    return session.scalars(same.execution_options(populate_existing=True)).one()
