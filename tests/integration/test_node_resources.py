"""No disk or no database: 0xA700, nothing half-kept, and the sender's next try succeeds once it is mended."""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import until
from node_harness import OUT_OF_RESOURCES, SUCCESS, Node, NodeMaker, Sender, screen
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from db import session as db_session
from db.session import Sessions, make_engine
from db.tables import Instance, Study
from dicom_node import inbox

pytestmark = pytest.mark.timeout(60)


def _nothing_kept(node: Node) -> bool:
    return (node.count(Instance), node.count(Study), node.stored(), node.incoming(), node.bells) == (0, 0, [], [], [])


def _kept_once(node: Node) -> bool:
    return (node.count(Instance), len(node.stored()), node.incoming(), len(node.bells)) == (1, 1, [], 1)


def test_an_object_above_the_limit_is_refused_and_the_association_goes_on(start_node: NodeMaker) -> None:
    node = start_node(max_object_mb=1)
    with node.sender() as sender:
        assert sender.store(screen(pixels=1100)) == OUT_OF_RESOURCES
        assert _nothing_kept(node)
        assert sender.store(screen(pixels=900)) == SUCCESS
    assert _kept_once(node)


def test_a_disk_that_is_nearly_full_takes_nothing(start_node: NodeMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    node = start_node(min_free_disk_mb=100)
    free = 99 * 2**20
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(2**40, 2**40 - free, free))
    assert node.store(screen()) == [OUT_OF_RESOURCES]
    assert _nothing_kept(node)

    free = 100 * 2**20
    assert node.store(screen()) == [SUCCESS]
    assert _kept_once(node)


def _failing(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, error: int) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(place, name, fail)


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (os, "write", errno.ENOSPC),
        (os, "open", errno.EMFILE),
        (os, "fsync", errno.EIO),
        (Path, "rename", errno.EROFS),
        (Path, "mkdir", errno.EACCES),
        (inbox, "_sync_folder", errno.EIO),
        (shutil, "disk_usage", errno.ENOENT),
    ],
    ids=["write", "open", "fsync", "rename", "mkdir", "fsync of the folder", "disk_usage"],
)
def test_a_failing_disk_costs_a_status_and_nothing_else(
    node: Node, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, error: int
) -> None:
    with node.sender() as sender:
        with monkeypatch.context() as failing:
            _failing(failing, place, name, error)
            status = sender.store(screen())
        assert status == OUT_OF_RESOURCES
        assert _nothing_kept(node)
        assert sender.store(screen()) == SUCCESS
    assert _kept_once(node)


@pytest.mark.parametrize("folder", ["store", "incoming"])
def test_a_folder_that_went_away_costs_a_status_until_it_is_back(node: Node, folder: str) -> None:
    path: Path = getattr(node.settings, folder)
    path.rename(path.with_suffix(".away"))
    assert node.store(screen()) == [OUT_OF_RESOURCES]
    assert node.count(Instance) == 0

    path.with_suffix(".away").rename(path)
    assert node.store(screen()) == [SUCCESS]
    assert _kept_once(node)


@contextmanager
def _small_disk(folder: Path, size_kb: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount here; the disk's errors are also raised one by one")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_takes_what_fits_and_the_rest_when_there_is_room(
    start_node: NodeMaker, sessions: Sessions, tmp_path: Path
) -> None:
    home = tmp_path / "small"
    with _small_disk(home, 4096):
        node = start_node(home=home)
        big = [screen(n, pixels=1200) for n in (1, 2, 3)]
        assert node.store(*big) == [SUCCESS, SUCCESS, OUT_OF_RESOURCES]
        assert (len(node.stored()), node.count(Instance), node.incoming()) == (2, 2, [])

        subprocess.run(["mount", "-o", "remount,size=16m", str(home)], check=True)
        assert node.store(*big) == [SUCCESS] * 3
        assert (len(node.stored()), node.count(Instance)) == (3, 3)
        node.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL has no such lock
def test_a_locked_database_costs_a_status_until_it_is_free(
    start_node: NodeMaker, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_session, "_BUSY_TIMEOUT_S", 1)
    impatient = Sessions(make_engine(str(sessions.engine.url)))
    node = start_node(sessions=impatient)
    lock = sqlite3.connect(tmp_path / "perfuscope.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    assert node.store(screen()) == [OUT_OF_RESOURCES]

    lock.execute("ROLLBACK")
    lock.close()
    assert _nothing_kept(node)
    assert node.store(screen()) == [SUCCESS]
    assert _kept_once(node)
    node.close()
    impatient.engine.dispose()


@contextmanager
def _broken(engine: Engine, when: str) -> Iterator[None]:
    """A database that is lost at the named point of every transaction."""

    def lose(*_arguments: object) -> None:
        raise OperationalError("lost", None, Exception())

    event.listen(engine, when, lose)
    try:
        yield
    finally:
        event.remove(engine, when, lose)


@pytest.mark.parametrize("when", ["begin", "before_cursor_execute", "commit"])
def test_a_database_lost_at_any_point_costs_a_status_and_nothing_else(node: Node, when: str) -> None:
    with node.sender() as sender:
        with _broken(node.sessions.engine, when):
            status = sender.store(screen())
        assert status == OUT_OF_RESOURCES
        assert _nothing_kept(node)
        assert sender.store(screen()) == SUCCESS
    assert _kept_once(node)


def test_an_exhausted_pool_of_connections_costs_a_status(
    start_node: NodeMaker, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start_node()
    crowded = create_engine(sessions.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with monkeypatch.context() as crowding, crowded.connect():
        crowding.setattr(sessions, "engine", crowded)
        assert node.store(screen()) == [OUT_OF_RESOURCES]
    crowded.dispose()

    assert _nothing_kept(node)
    assert node.store(screen()) == [SUCCESS]


def test_an_association_that_ends_without_a_database_leaves_the_node_serving(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    assoc = node.request()
    assert Sender(assoc).store(screen()) == SUCCESS
    with _broken(node.sessions.engine, "begin"):
        assoc.release()
        until(lambda: "end of association not written down" in caplog.text, 5, "the end is noticed")

    assert node.echoes()


def test_a_commit_whose_answer_was_lost_is_made_good_by_the_retry(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = node.sessions.engine.dialect
    commit = dialect.do_commit

    def commit_and_lose(connection: Any) -> None:
        commit(connection)
        raise dialect.loaded_dbapi.OperationalError("lost")

    with monkeypatch.context() as losing:
        losing.setattr(dialect, "do_commit", commit_and_lose)
        assoc = node.request()
        assert Sender(assoc).store(screen()) == OUT_OF_RESOURCES
    assert (node.count(Instance), node.stored()) == (1, []), "the row is there, the file is not"
    assoc.release()

    assert node.store(screen()) == [SUCCESS]
    [instance] = node.instances()
    assert node.stored() == [node.settings.store / instance.path]
