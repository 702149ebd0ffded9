"""Counts that stay cheap where there are very many studies."""

import threading
import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from db import pages
from db.pages import Show

_QUICK_S = 0.02
_SHARE = 20


class Counts:
    """How many studies each choice shows. Where counting is slow, it takes at most a twentieth of the time."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[Show, int] = {}
        self._good_until = float("-inf")

    def read(self, session: Session) -> dict[Show, int]:
        """The counts as they are, or were a moment ago."""
        with self._lock:
            began = self._clock()
            if began >= self._good_until:
                self._counted = pages.counts(session)
                now = self._clock()
                self._good_until = now + _SHARE * (now - began) if now - began > _QUICK_S else now
            return self._counted
