"""When a peer last began to send a study, and how deliveries to it stand. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from db.tables import DestinationState, Job, Study

_NEWEST = 20_000


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of one peer."""

    received_at: datetime | None
    """When the newest study that came from it first began to come; what it sent to older ones later does not count."""
    delivered_at: datetime | None
    """When it last took a report, if that is not long ago."""
    waiting: int
    """Deliveries and requests that wait for it."""
    given_up: int
    failures: int
    """Times in a row that it did not answer; 0: it did the last time."""
    closed_until: datetime | None


def of(session: Session, name: str, ae_title: str) -> Contact:
    """By the peer's name in the settings, and the AE title that it sends by."""
    state = session.get(DestinationState, name)
    counted = (
        select(Job.state, func.count())
        .where(Job.destination == name, Job.state.in_((JobState.WAITING, JobState.RUNNING, JobState.DEAD)))
        .group_by(Job.state)
    )
    jobs = dict(session.execute(counted).all())
    return Contact(
        received_at=session.scalar(select(func.max(Study.received_at)).where(Study.sender_ae == ae_title)),
        delivered_at=_delivered(session, name),
        waiting=jobs.get(JobState.WAITING, 0) + jobs.get(JobState.RUNNING, 0),
        given_up=jobs.get(JobState.DEAD, 0),
        failures=state.failures if state else 0,
        closed_until=state.closed_until if state else None,
    )


def _delivered(session: Session, name: str) -> datetime | None:
    """Of the newest jobs that are done: older ones are not looked through for a peer that takes nothing."""
    newest = (
        select(Job.destination, Job.stage, Job.finished_at)
        .where(Job.state == JobState.DONE)
        .order_by(Job.ring_at.desc())
        .limit(_NEWEST)
        .subquery()
    )
    to_it = newest.c.destination == name, newest.c.stage == JobStage.DELIVER
    found: datetime | None = session.scalar(select(func.max(newest.c.finished_at)).where(*to_it))
    return found
