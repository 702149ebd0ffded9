"""A line before what takes long: a few at a time, some who wait, and everybody else is told at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException

_WAITING = 12
"""So few of the threads that answer may wait here, so that pages go on being shown."""


class Line:
    """``at_once`` come through together."""

    def __init__(self, at_once: int) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._line = threading.BoundedSemaphore(at_once + _WAITING)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a place and hold it; 503 where too many wait already."""
        if not self._line.acquire(blocking=False):
            raise HTTPException(503)
        try:
            with self._places:
                yield
        finally:
            self._line.release()
