"""Fixtures for every kind of test: a database of its own for each, at the price of a file copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.types import ModelIdentity
from db import model_versions, schema
from db.model_versions import NewArtifact
from db.session import Sessions, make_engine


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema of this release and an active model whose artifact is no artifact."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    sessions = Sessions(engine)
    artifact = NewArtifact(ModelIdentity("dummy", "1", "0" * 64), card={}, packed=b"no artifact")
    with sessions.write() as session:
        model_versions.activate(session, artifact, now=sessions.now(session))
    engine.dispose()
    return path


@pytest.fixture
def sessions(empty_database: Path, tmp_path: Path) -> Iterator[Sessions]:
    """Transactions on a copy of ``empty_database``; its file is ``tmp_path / "perfuscope.db"``."""
    path = tmp_path / "perfuscope.db"
    shutil.copyfile(empty_database, path)
    engine = make_engine(f"sqlite:///{path}")
    yield Sessions(engine)
    engine.dispose()
