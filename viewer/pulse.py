"""Tells open pages that something changed: one look at the database for all of them, a number that rises, a stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from core.types import AuditAction
from db.session import Sessions
from db.tables import AuditEvent, Case, Review, Study

_EVERY_S = 0.4
_BACK = timedelta(seconds=20)
"""How far a look goes back: a transaction may commit some time after the moment that it wrote down."""
_CHECK_S = 5.0
"""So often a listener is told that the stream is still there, and is asked whether it may go on."""
_LONGEST_S = 60.0
"""A stream ends then, and the browser comes again."""
_QUIET = (
    *(AuditAction.VIEW, AuditAction.SEARCH, AuditAction.EXPORT, AuditAction.TRY),
    *(AuditAction.LOGIN, AuditAction.LOGOUT, AuditAction.REFUSE, AuditAction.USER, AuditAction.TOKEN),
)
"""What changes no study: else whoever guesses passwords had every open page ask for itself."""


def recent(sessions: Sessions) -> frozenset[Any]:
    """What came in or changed of late, as keys and states. Each part is found by an index on its time."""
    with sessions.read() as session:
        since = sessions.now(session) - _BACK
        arrived = select(Study.id, Study.last_received_at).where(Study.received_at >= since)
        opened = select(Case.id, Case.stage, Case.superseded_at).where(Case.opened_at >= since)
        happened = select(AuditEvent.id).where(AuditEvent.at >= since, AuditEvent.action.not_in(_QUIET))
        reviewed = select(Review.id).where(Review.created_at >= since)
        found = [tuple(row) for asked in (arrived, opened, happened, reviewed) for row in session.execute(asked)]
    return frozenset(found)


class Pulse:
    """Looks while somebody listens; ``number`` rises with every change."""

    def __init__(
        self, look: Callable[[], frozenset[Any]], *, every_s: float = _EVERY_S, check_s: float = _CHECK_S
    ) -> None:
        self._look, self._every_s, self._check_s = look, every_s, check_s
        self._known: frozenset[Any] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._ended = False
        self.number = 0

    @property
    def beats(self) -> bool:
        """Whether changes are being looked for."""
        return self._task is not None and not self._task.done()

    def end(self) -> None:
        """Every stream ends soon; for a server that is about to stop."""
        self._ended = True

    async def stream(self, may_go_on: Callable[[], bool] = lambda: True) -> AsyncGenerator[str]:
        """Server-sent events (WHATWG HTML 9.2): one ``change`` a change, and a comment now and then.

        It ends soon after ``may_go_on`` says no: whoever was logged out is told nothing any more.
        """
        clock = asyncio.get_running_loop().time
        began = asked = clock()
        self._listeners += 1
        try:
            if not self.beats:
                self._task = asyncio.create_task(self._beat())
            told = self.number
            yield f"retry: 2000\nevent: ready\ndata: {told}\n\n"
            while not self._ended and clock() - began < _LONGEST_S:
                await self._next(told, within_s=asked + self._check_s - clock())
                if clock() - asked >= self._check_s:
                    if not await run_in_threadpool(_said, may_go_on):
                        return
                    asked = clock()
                before, told = told, self.number  # it may rise while the listener takes what is said
                yield f"event: change\ndata: {told}\n\n" if told != before else ": still here\n\n"
        finally:
            self._listeners -= 1

    async def _next(self, told: int, *, within_s: float) -> None:
        """Wait for another number, or until something must be said to keep the stream open."""
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: self._ended or self.number != told)
        except TimeoutError:
            return

    async def _beat(self) -> None:
        while self._listeners and not self._ended:
            try:
                found = await run_in_threadpool(self._look)
            except SQLAlchemyError:
                found = self._known  # the pages' own questions tell their readers
            if not found <= self._known:
                self.number += 1
            self._known = found
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(self._every_s)
        async with self._changed:
            self._changed.notify_all()


def _said(may_go_on: Callable[[], bool]) -> bool:
    """The answer; no where the database gives none, since then the page itself is told."""
    try:
        return may_go_on()
    except SQLAlchemyError:
        return False
