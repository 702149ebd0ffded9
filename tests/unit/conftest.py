"""A fresh database per test, on SQLite and on PostgreSQL: migrated once, then copied or emptied."""

import io
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr
from pathlib import Path

import drawn
import pytest
from argon2 import PasswordHasher
from dataset_command import SPLIT, run
from kept_engines import Anew, anew, engine_on
from ward import Clock, Ward

from core import log, passwords
from db import schema
from db.session import Sessions, make_engine


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def new_sessions(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Sessions]]:
    """Makes sessions on a new database of their own."""
    with ExitStack() as stack:

        def make(name: str = "perfuscope.db", **options: object) -> Sessions:
            if database == "postgresql":
                return stack.enter_context(request.getfixturevalue("databases").sessions(**options))
            shutil.copy(request.getfixturevalue("migrated"), tmp_path / name)
            engine = engine_on(tmp_path / name)
            stack.callback(engine.dispose)
            return Sessions(engine, **options)

        yield make


@pytest.fixture(scope="session")
def stories(migrated: Path) -> Iterator[Anew]:
    """Empty databases, one after the other."""
    with anew(migrated) as made:
        yield made


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
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing, where how much they cost is not what is tested."""
    monkeypatch.setattr(passwords, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._decoy.cache_clear()


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


@pytest.fixture(scope="session")
def class_folders_of_three(tmp_path_factory):
    """One patient of each class: 1 is normal, 2 has ischemia, 3 an infarction."""
    return drawn.class_folders(tmp_path_factory.mktemp("sorted") / "screens", each=1)


@pytest.fixture(scope="session")
def class_folders_of_nine(tmp_path_factory):
    """Three patients of each class, numbered from 1 on."""
    return drawn.class_folders(tmp_path_factory.mktemp("many") / "screens")


@pytest.fixture(scope="session")
def ready_set(class_folders_of_nine, tmp_path_factory):
    """A data set that is imported, cropped and split; tests that change it take a copy."""
    out = tmp_path_factory.mktemp("ready") / "set"
    run("import", class_folders_of_nine, "--out", out)
    run("crop", out)
    run("split", out, *SPLIT)
    return out


@pytest.fixture
def own_set(ready_set, tmp_path):
    return shutil.copytree(ready_set, tmp_path / "set")
