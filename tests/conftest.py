"""Fixtures for every kind of test: a database of its own for each, on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from production import Databases, PostgreSQL

from core.types import ModelIdentity
from db import model_versions, schema
from db.model_versions import NewArtifact
from db.session import Sessions, make_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process under ``--dist loadgroup``, so that what they share is made once.

    Files that share more than the database name a group.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL server for all tests; the roles on it are theirs together."""
    server = PostgreSQL.make()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def databases(postgresql: PostgreSQL) -> Databases:
    """Migrated databases on the server, given out one by one."""
    return Databases(postgresql)


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
    engine = make_engine(f"sqlite:///{path}")
    yield Sessions(engine)
    engine.dispose()
