"""Claim, work, finish: what every stage of work has in common. At least once done, effective once."""

import logging
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from core.errors import Postponed, Refused, Rejected, Unavailable
from core.jobs import Bell, JobStage
from core.settings import Settings
from db import jobs
from db.jobs import Claimed
from db.session import Sessions

log = logging.getLogger("perfuscope.task")

Finish = Callable[[Session, datetime], list[Bell]]
"""Writes a stage's result, inside the transaction that ends its job; returns the bells to ring after it."""


@dataclass(frozen=True, slots=True)
class StageWork:
    """How a stage is worked on, and what is written when it is given up."""

    work: Callable[[Claimed], Finish]
    give_up: Callable[[Claimed, str], Finish]
    max_attempts: int
    longest_wait: timedelta = timedelta(minutes=5)
    jitter: float = 0.0
    """Up to which share of it a wait is cut short, so that what failed together does not come back together."""

    def wait(self, claimed: Claimed) -> timedelta:
        """How long until the next attempt: 1, 2, 4 s and so on; the same for the same attempt of the same job."""
        wait = min(timedelta(seconds=2 ** min(claimed.attempts - 1, 16)), self.longest_wait)
        share = zlib.crc32(claimed.id.bytes + bytes([claimed.attempts % 256])) / 2**32
        return wait * (1 - self.jitter * share)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs jobs of the stages it knows."""

    sessions: Sessions
    stages: Mapping[JobStage, StageWork]
    lease: timedelta

    @classmethod
    def of(cls, settings: Settings, sessions: Sessions, stages: Mapping[JobStage, StageWork]) -> "Runner":
        """With the lease that the settings name."""
        return cls(sessions, stages, timedelta(seconds=settings.lease_s))

    def run(self, job_id: UUID) -> list[Bell]:
        """Do the job if it is due, free and of a stage known here; the bells to ring.

        Never raises: a database that is away, or a bug outside the work, costs a log line and the rest of the lease.
        """
        try:
            claimed = self._claim(job_id)
            return self._attempt(claimed) if claimed else []
        except OperationalError:
            log.warning("job %s left to be rung again: the database is away", job_id)
        except Exception:
            log.exception("job %s left to be rung again", job_id)
        return []

    def _claim(self, job_id: UUID) -> Claimed | None:
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            return jobs.claim(session, job_id, now=now, lease=self.lease, stages=self.stages)

    def _attempt(self, claimed: Claimed) -> list[Bell]:
        stage = self.stages[claimed.stage]
        if claimed.attempts > stage.max_attempts:
            return self._bury(claimed, stage, "worker_lost")
        try:
            with self._renewing(claimed):
                finish = stage.work(claimed)
            return self._finish(claimed, finish)
        except Postponed as postponed:
            return self._postpone(claimed, postponed)
        except Unavailable as unavailable:
            return self._again(claimed, stage, unavailable.code)
        except (Refused, Rejected) as final:
            return self._bury(claimed, stage, final.code)
        except OperationalError:
            raise
        except Exception as bug:
            log.exception("job %s failed", claimed.id)
            return self._again(claimed, stage, f"bug:{type(bug).__name__}"[:64])

    def _finish(self, claimed: Claimed, finish: Finish) -> list[Bell]:
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            if not jobs.finish(session, claimed, now=now):
                log.info("job %s was taken over; its result is dropped", claimed.id)
                return []
            return finish(session, now)

    def _again(self, claimed: Claimed, stage: StageWork, code: str) -> list[Bell]:
        if claimed.attempts >= stage.max_attempts:
            return self._bury(claimed, stage, code)
        wait = stage.wait(claimed)
        log.warning("job %s (%s) again in %d s: %s", claimed.id, claimed.stage, wait.total_seconds(), code)
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            jobs.retry_later(session, claimed, now=now, wait=wait, error=code)
        return []

    def _postpone(self, claimed: Claimed, postponed: Postponed) -> list[Bell]:
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            jobs.postpone(session, claimed, now=now, wait=postponed.wait, error=postponed.code)
        return []

    def _bury(self, claimed: Claimed, stage: StageWork, code: str) -> list[Bell]:
        log.error("job %s (%s) given up: %s", claimed.id, claimed.stage, code)
        try:
            return self._end(claimed, code, stage.give_up(claimed, code))
        except OperationalError:
            raise
        except Exception:  # else it would come back for ever
            log.exception("job %s ends without its stage's last word", claimed.id)
            return self._end(claimed, code, _nothing)

    def _end(self, claimed: Claimed, code: str, finish: Finish) -> list[Bell]:
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            return finish(session, now) if jobs.bury(session, claimed, now=now, error=code) else []

    @contextmanager
    def _renewing(self, claimed: Claimed) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(claimed, done), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, claimed: Claimed, done: threading.Event) -> None:
        while not done.wait(self.lease.total_seconds() / 3):
            try:
                with self.sessions.write() as session:
                    jobs.renew(session, claimed, now=self.sessions.now(session), lease=self.lease)
            except DBAPIError:
                log.warning("lease of job %s not renewed: the database is away", claimed.id)


def _nothing(_session: Session, _now: datetime) -> list[Bell]:
    return []
