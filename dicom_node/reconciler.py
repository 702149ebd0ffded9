"""Rings again for what is due, settles studies whose time has come, and gives up on work that kills its workers."""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from core.jobs import Bell
from db import jobs, orders, studies
from db.session import Sessions
from dicom_node import completion
from dicom_node.completion import Policy

log = logging.getLogger("perfuscope.reconciler")

_TICK_S = 0.2
_PAUSE_S = 1.0
_BIG = 100
_REST_PER_OBJECT = timedelta(milliseconds=1)
"""Judging a study reads all its rows, some 0.04 ms each: so it takes a few per cent of the node's time at most."""


class Reconciler:
    """A thread of the node. Everything it does is judged from rows, so a restart forgets nothing."""

    def __init__(
        self, *, sessions: Sessions, ring: Callable[[Iterable[Bell]], None], policy: Policy, tick_s: float = _TICK_S
    ) -> None:
        self._sessions = sessions
        self._ring = ring
        self._policy = policy
        self._tick_s = tick_s
        self._asleep: dict[UUID, datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin ticking."""
        self._thread.start()

    def close(self) -> None:
        """Finish the tick at hand and stop."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(self._tick_s):
            try:
                self.tick()
            except (DBAPIError, PoolTimeout) as error:
                log.warning("the database is away (%s); trying again", type(error).__name__)
                self._stop.wait(_PAUSE_S)
            except Exception:  # without this thread nothing would be rung again and no study end
                log.exception("a round failed; trying again")
                self._stop.wait(_PAUSE_S)

    def tick(self) -> None:
        """One round: ring what is silent, settle what is waiting. Writes nothing when nothing is due."""
        with self._sessions.read() as session:
            now = self._sessions.now(session)
            waiting = self._awake(session, now=now)
            due = [s for s in waiting if completion.is_due(session, s, now=now, policy=self._policy)]
            silent = jobs.anything_to_ring(session, now=now)
            asked = orders.anything_to_take(session)
        if asked:
            self._take_orders()
        if silent:
            self._ring_again()
        for study_id in due:
            self._settle_guarded(study_id)

    def _awake(self, session: Session, *, now: datetime) -> list[UUID]:
        """The waiting studies that are to be judged in this round: all but big ones judged a moment ago."""
        waiting = studies.waiting(session, now=now, cap=self._policy.cap)
        self._asleep = {study: until for study, until in self._asleep.items() if until > now}
        awake = [study for study in waiting if study not in self._asleep]
        sizes = studies.sizes(session, awake)
        self._asleep |= {study: now + n * _REST_PER_OBJECT for study, n in sizes.items() if n > _BIG}
        return awake

    def _settle_guarded(self, study_id: UUID) -> None:
        """A study that cannot be settled does not keep the others from it."""
        try:
            self._settle(study_id)
        except (DBAPIError, PoolTimeout):
            raise
        except Exception:
            log.exception("study %s cannot be settled", study_id)

    def _settle(self, study_id: UUID) -> None:
        with self._sessions.write() as session:
            now = self._sessions.now(session)
            bell = completion.settle(session, study_id, now=now, policy=self._policy)
        self._ring([bell] if bell else [])

    def _take_orders(self) -> None:
        """What administrators ask for on the pages becomes work: the pages may not ring."""
        with self._sessions.write() as session:
            bells = orders.take(session, now=self._sessions.now(session), ring_again=self._policy.ring_again)
        self._ring(bells)

    def _ring_again(self) -> None:
        with self._sessions.write() as session:
            now = self._sessions.now(session)
            bells = jobs.to_ring(session, now=now, ring_again=self._policy.ring_again)
        if bells:
            log.info("ringing again for %d jobs", len(bells))
        self._ring(bells)
