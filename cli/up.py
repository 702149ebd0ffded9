"""``perfuscope up``: node, workers and viewer as children of one supervisor, with no server beside them."""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cli import database, options
from cli.sentences import one_sentence
from core import log
from core.errors import PerfuscopeError
from core.settings import Settings
from core.settings_web import is_loopback

_log = logging.getLogger("perfuscope.up")
_SHORTEST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_LONG_LIFE_S = 60.0
_GRACE_S = 20.0


@one_sentence
def up(
    home: options.Home = None,
    config: options.Config = None,
    dicom_port: Annotated[int | None, typer.Option(help="Port of the DICOM listener. (default: 11112)")] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of the pages. (default: 8080)")] = None,
) -> None:
    """Run everything here: node, edge worker, inference worker and viewer, on SQLite and files.

    A child that dies is started again; all children end with this process. Stop with Ctrl-C.
    """
    found = options.settings(home, config, dicom_port=dicom_port, web_port=web_port)
    log.configure(found.log_level)
    from worker import edge

    edge.check(found)  # a child would say it again and again
    with _only_one(found):
        _check_port(found.dicom_host, found.dicom_port, option="--dicom-port")
        _check_port(found.web_host, found.web_port, option="--web-port")
        model = database.prepare(found)
        _refuse_nobody(found)
        _log.info("home %s, model %s %s", found.home, model.name, model.version)
        supervise(found, config)


def supervise(found: Settings, config: Path | None) -> None:
    """Keep the children running until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    env = options.environment(found, config)
    children = [
        _Child("node", ("node",), env),
        _Child("edge worker", ("worker", "--queues", "edge"), env),
        _Child("inference worker", ("worker", "--queues", "inference"), env),
        _Child("viewer", ("viewer",), env),
    ]
    while not stop.is_set():
        for child in children:
            child.keep_running()
        stop.wait(0.1)
    for child in children:
        child.terminate()
    for child in children:
        child.wait()


@dataclass
class _Child:
    """A child process that is started again when it dies, ever more slowly if it dies at once."""

    name: str
    arguments: tuple[str, ...]
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = _SHORTEST_PAUSE_S
    next_start: float = field(default=0.0)

    def keep_running(self) -> None:
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.pause_s = _SHORTEST_PAUSE_S if now - self.started_at > _LONG_LIFE_S else self.pause_s * 2
            self.pause_s = min(self.pause_s, _LONGEST_PAUSE_S)
            self.next_start = now + self.pause_s
            _log.warning("%s ended (%d); starting it again in %.1f s", self.name, self.process.returncode, self.pause_s)
            self.process = None
        if self.process is None and now >= self.next_start:
            self._start(now)

    def _start(self, now: float) -> None:
        command = [sys.executable, "-m", "cli", *self.arguments, "--supervised-by", str(os.getpid())]
        self.process = subprocess.Popen(command, env=self.env, start_new_session=True)  # noqa: S603 - our own program
        self.started_at = now

    def terminate(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def wait(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _refuse_nobody(found: Settings) -> None:
    """As the viewer does; it would say so again and again."""
    if not is_loopback(found.web_host):
        from viewer import server

        sessions = options.sessions(found)
        server.refuse_nobody(found, sessions)
        sessions.engine.dispose()


@contextmanager
def _only_one(found: Settings) -> Iterator[None]:
    """Two supervisors on one home would fight over it; the lock goes with the process."""
    descriptor = os.open(found.home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        msg = f"Perfuscope is already running on {found.home}"
        raise PerfuscopeError(msg) from None
    try:
        yield
    finally:
        os.close(descriptor)


def _check_port(host: str, port: int, *, option: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            msg = f"cannot listen on {host} port {port} ({error.strerror}); try {option}"
            raise PerfuscopeError(msg) from None
