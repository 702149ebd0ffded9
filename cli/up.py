"""``perfuscope up``: node, workers and viewer as children of one supervisor, with no server beside them."""

import fcntl
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli import children, database, options
from cli.children import Child
from cli.sentences import one_sentence
from core import log
from core.errors import PerfuscopeError
from core.settings import Settings
from core.settings_web import is_loopback

_log = logging.getLogger("perfuscope.up")
_INTERRUPTED = 130
"""A shell's exit code after Ctrl-C."""


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
    children.load()
    with _only_one(found):
        _check_port(found.dicom_host, found.dicom_port, option="--dicom-port")
        _check_port(found.web_host, found.web_port, option="--web-port")
        _beforehand(found, _check_work, _prepare)
        if not is_loopback(found.web_host):
            _beforehand(found, _refuse_nobody)
        supervise(found, config)


def supervise(found: Settings, config: Path | None) -> None:
    """Keep the children running until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.environ.update(options.environment(found, config))
    running = [
        Child("viewer", ("viewer",)),
        Child("node", ("node",)),
        Child("edge worker", ("worker", "--queues", "edge")),
        Child("inference worker", ("worker", "--queues", "inference")),
    ]
    while not stop.is_set():
        for child in running:
            child.keep_running()
        stop.wait(0.1)
    for child in running:
        child.terminate()
    for child in running:
        child.wait()


# What children would say again and again is said once, before they start. It is done in processes that end, so that the
# supervisor does not load what it takes.


def _beforehand(found: Settings, *works: Callable[[Settings], None]) -> None:
    """Do them side by side; ends the command where one has said a sentence."""
    running = [children.fork(_say, work, found) for work in works]
    for one in running:
        one.join()
    for one in running:
        if one.exitcode:
            raise typer.Exit(one.exitcode)


def _say(work: Callable[[Settings], None], found: Settings) -> None:
    try:
        one_sentence(work)(found)
    except typer.Exit as error:
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def _prepare(found: Settings) -> None:
    model = database.prepare(found)
    _log.info("home %s, model %s %s", found.home, model.name, model.version)


def _check_work(found: Settings) -> None:
    from worker import edge_settings

    edge_settings.check(found)


def _refuse_nobody(found: Settings) -> None:
    from viewer import server

    sessions = options.sessions(found)
    server.refuse_nobody(found, sessions)
    sessions.engine.dispose()


@contextmanager
def _only_one(found: Settings) -> Iterator[None]:
    """Two supervisors on one home would fight over it; the lock goes with the process."""
    descriptor = os.open(found.home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by this process alone, not by its children
    except (BlockingIOError, PermissionError):  # POSIX allows either
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
