"""A fresh database per test: a copy of one that was migrated once."""

import io
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from ward import Clock, Ward

from core import log
from db import schema
from db.session import Sessions, make_engine


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[str | None]:
    """The URL of a PostgreSQL server to use instead of SQLite files, from TEST_DATABASE_SERVER; its template stands."""
    url = os.environ.get("TEST_DATABASE_SERVER")
    if url is None:
        yield None
        return
    _administer(url, "DROP DATABASE IF EXISTS template_perfuscope", "CREATE DATABASE template_perfuscope")
    engine = make_engine(f"{url}/template_perfuscope")
    schema.upgrade(engine)
    engine.dispose()
    yield url
    _administer(url, "DROP DATABASE template_perfuscope")


def _administer(url: str, *statements: str) -> None:
    engine = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def new_sessions(migrated: Path, tmp_path: Path, server: str | None) -> Iterator[Callable[..., Sessions]]:
    """Makes sessions on a new database of their own."""
    engines, databases = [], []

    def make(name: str = "perfuscope.db", **options: object) -> Sessions:
        if server is None:
            shutil.copy(migrated, tmp_path / name)
            engines.append(make_engine(f"sqlite:///{tmp_path / name}"))
        else:
            databases.append(f"test_{uuid4().hex}")
            _administer(server, f"CREATE DATABASE {databases[-1]} TEMPLATE template_perfuscope")
            engines.append(make_engine(f"{server}/{databases[-1]}"))
        return Sessions(engines[-1], **options)

    yield make
    for engine in engines:
        engine.dispose()
    for database in databases:
        _administer(server or "", f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions_by_clock(new_sessions: Callable[..., Sessions], clock: Clock) -> Sessions:
    return new_sessions(clock=clock)


@pytest.fixture
def ward(sessions_by_clock: Sessions, clock: Clock) -> Ward:
    """A database with an active model and a clock that stands still."""
    made = Ward(sessions_by_clock, clock)
    made.activate()
    return made


@pytest.fixture
def stderr_log() -> Iterator[Callable[[], str]]:
    """The log as a running process has it; gives what it said so far."""
    stream = io.StringIO()
    root = logging.getLogger()
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    loggers = {name: logging.getLogger(name) for name in log._QUIET}
    levels = {name: logger.level for name, logger in loggers.items()}
    before = root.handlers[:], root.level
    with redirect_stderr(stream):
        log.configure()
    yield stream.getvalue
    root.handlers[:], root.level = before
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    for name, logger in loggers.items():
        logger.setLevel(levels[name])
