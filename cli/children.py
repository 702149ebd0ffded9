"""Children of ``perfuscope up``: forked, so that what all of them load is loaded once; started again when they die.

A child is a ``perfuscope`` command like any other, in a session of its own, named as such in the list of processes.
What is loaded before the fork is what each of them needs: none has DICOM or a web framework that its command does not
load.
"""

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess

from setproctitle import getproctitle, setproctitle

from core import process

_log = logging.getLogger("perfuscope.up")
_FORK = multiprocessing.get_context("fork")
_STOPS = (signal.SIGTERM, signal.SIGINT)
_SHORTEST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_LONG_LIFE_S = 60.0
_GRACE_S = 20.0


@dataclass
class Child:
    """A child process that is started again when it dies, ever more slowly if it dies at once."""

    name: str
    arguments: tuple[str, ...]
    running: ForkProcess | None = None
    started_at: float = 0.0
    pause_s: float = _SHORTEST_PAUSE_S
    next_start: float = field(default=0.0)

    def keep_running(self) -> None:
        """Start it, if it does not run and it is time to."""
        now = time.monotonic()
        if self.running is not None and not self.running.is_alive():
            self.pause_s = _SHORTEST_PAUSE_S if now - self.started_at > _LONG_LIFE_S else self.pause_s * 2
            self.pause_s = min(self.pause_s, _LONGEST_PAUSE_S)
            self.next_start = now + self.pause_s
            _log.warning("%s ended (%s); starting it again in %.1f s", self.name, self.running.exitcode, self.pause_s)
            self.running.close()
            self.running = None
        if self.running is None and now >= self.next_start:
            self.running = fork(_command, self.arguments, os.getpid())
            self.started_at = now

    def terminate(self) -> None:
        """Ask it to end."""
        if self.running is not None:
            self.running.terminate()

    def wait(self) -> None:
        """Wait until it has ended; after a while it has to."""
        if self.running is None:
            return
        self.running.join(_GRACE_S)
        if self.running.exitcode is None:
            self.running.kill()
            self.running.join()


def load() -> None:
    """Load what every child needs; fork only afterwards."""
    getproctitle()  # finds its place among the arguments, which it no longer can once the environment has changed
    with process.loading():
        from sqlalchemy.orm import configure_mappers

        from db import audit, model_versions, schema, session, studies, users, worklist  # noqa: F401 - see above

        configure_mappers()


def fork(work: Callable[..., None], *arguments: object) -> ForkProcess:
    """A process that does this work and ends with us, with its own signals; one sent while it forks is not lost."""
    child = _FORK.Process(target=_alone, args=(os.getpid(), work, *arguments))
    with held_back():
        child.start()
    return child


@contextmanager
def held_back() -> Iterator[None]:
    """Signals to stop are heard afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _alone(parent: int, work: Callable[..., None], *arguments: object) -> None:
    process.end_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    work(*arguments)


def _command(arguments: tuple[str, ...], parent: int) -> None:
    from cli.main import main

    os.setsid()
    setproctitle(" ".join(("perfuscope", *arguments)))
    sys.argv = ["perfuscope", *arguments, "--supervised-by", str(parent)]
    main()
