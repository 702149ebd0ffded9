"""How full the queues are, and how the database grows. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from core.types import AuditAction
from db import quarantine
from db.tables import AuditEvent, Job, LayoutState

OVERDUE = timedelta(minutes=1)
_PROCESSES = ("node", "worker", "viewer")


@dataclass(frozen=True, slots=True)
class Queued:
    """One stage's open jobs."""

    stage: JobStage
    waiting: int
    running: int
    dead: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """What an administrator looks at first."""

    stages: tuple[Queued, ...]
    oldest_due: datetime | None
    """Since when the longest-waiting job has been due."""
    quarantined: int
    suspended: int
    """Layouts."""
    database_bytes: int
    last_starts: dict[str, datetime]
    """When each kind of process was started last, as the audit trail tells."""

    @property
    def dead(self) -> int:
        """Jobs that were given up."""
        return sum(one.dead for one in self.stages)

    @property
    def open(self) -> int:
        """Jobs that wait or run."""
        return sum(one.waiting + one.running for one in self.stages)


def read(session: Session, *, now: datetime) -> Gauges:
    """As they stand now; asks nothing that grows with what is done already."""
    open_states = (JobState.WAITING, JobState.RUNNING, JobState.DEAD)
    counted = select(Job.stage, Job.state, func.count()).where(Job.state.in_(open_states))
    found = {(stage, state): n for stage, state, n in session.execute(counted.group_by(Job.stage, Job.state))}
    return Gauges(
        stages=tuple(Queued(stage, *(found.get((stage, state), 0) for state in open_states)) for stage in JobStage),
        oldest_due=session.scalar(select(func.min(Job.due_at)).where(Job.state == JobState.WAITING, Job.due_at <= now)),
        quarantined=quarantine.count(session),
        suspended=session.scalar(
            select(func.count()).select_from(LayoutState).where(LayoutState.suspended_at.is_not(None))
        )
        or 0,
        database_bytes=_bytes(session),
        last_starts=_starts(session),
    )


def _bytes(session: Session) -> int:
    if session.get_bind().dialect.name == "sqlite":
        pages, size = (session.scalar(text(f"PRAGMA {name}")) or 0 for name in ("page_count", "page_size"))
        return int(pages) * int(size)
    return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _starts(session: Session) -> dict[str, datetime]:
    statement = (
        select(AuditEvent.actor, func.max(AuditEvent.at))
        .where(AuditEvent.action == AuditAction.START, AuditEvent.actor.in_(_PROCESSES))
        .group_by(AuditEvent.actor)
    )
    return dict(session.execute(statement).all())
