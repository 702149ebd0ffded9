"""Fixtures for every kind of test: a database of its own for each, on SQLite and on PostgreSQL."""

import gc
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from kept_engines import engine_on
from production import Databases, PostgreSQL
from sharing import Sharing, turn_of

from core.types import ModelIdentity
from db import model_versions, schema
from db.model_versions import NewArtifact
from db.session import Sessions, make_engine


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    """Which process runs what."""
    return Sharing(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; a file stays as it is."""
    items.sort(key=lambda item: turn_of(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded to collect the tests is no garbage, and stays: the collector need not look through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL server for all tests; the roles on it are theirs together."""
    server = PostgreSQL.make()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def databases(postgresql: PostgreSQL) -> Iterator[Databases]:
    """Migrated databases on the server, given out one by one."""
    made = Databases(postgresql)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The database that a test runs on: both in turn, unless it is parametrised with one of them."""
    return str(request.param)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema of this release and an active model whose artifact is no artifact."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    activate_a_dummy(Sessions(engine))
    engine.dispose()
    return path


def activate_a_dummy(sessions: Sessions) -> None:
    artifact = NewArtifact(ModelIdentity("dummy", "1", "0" * 64), card={}, packed=b"no artifact")
    with sessions.write() as session:
        model_versions.activate(session, artifact, now=sessions.now(session))


@pytest.fixture
def sessions(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sessions]:
    """Transactions on a database with an active model; on SQLite its file is ``tmp_path / "perfuscope.db"``."""
    if database == "postgresql":
        with request.getfixturevalue("databases").sessions() as sessions:
            activate_a_dummy(sessions)
            yield sessions
        return
    path = tmp_path / "perfuscope.db"
    shutil.copyfile(request.getfixturevalue("empty_database"), path)
    engine = engine_on(path)
    yield Sessions(engine)
    engine.dispose()
