"""Two edge workers on one PostgreSQL: they take turns for a destination, and nothing is lost between them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import Background, until
from node_harness import quiet_log
from office import Office
from scripted_pacs import ScriptedPacs
from ward import Clock

from core.jobs import JobStage, JobState
from core.settings import Peer, ReportSettings, Settings
from db.session import Sessions, make_engine
from dicom_node.scu_association import Line

STUDIES = 8


class Lines:
    """How many associations there were at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock, self.open, self.most, self.all = threading.Lock(), 0, 0, 0
        opened = Line.opened

        @contextmanager
        def counted(line: Line, *arguments: Any) -> Iterator[Any]:
            self._count(1)
            try:
                with opened(line, *arguments) as association:
                    yield association
            finally:
                self._count(-1)

        monkeypatch.setattr(Line, "opened", counted)

    def _count(self, more: int) -> None:
        with self._lock:
            self.open += more
            self.all += more == 1
            self.most = max(self.most, self.open)


@pytest.fixture
def pacs() -> Iterator[ScriptedPacs]:
    quiet_log()
    made = ScriptedPacs("PACS").start()
    yield made
    made.stop()


@pytest.fixture
def workers(sessions: Sessions, pacs: ScriptedPacs, tmp_path: Path) -> Iterator[list[Office]]:
    """Each with connections of its own."""
    peer = Peer(name="pacs", ae_title="PACS", port=pacs.port, commitment=True)
    settings = Settings(home=tmp_path, peers=(peer,), report=ReportSettings(destination="pacs", timeout_s=5))
    settings.store.mkdir(parents=True, exist_ok=True)
    engine = make_engine(sessions.engine.url.render_as_string(hide_password=False))
    each = (sessions, Sessions(engine))
    yield [Office(one, Clock(datetime.now(UTC)), settings.store, settings) for one in each]
    engine.dispose()


def toil(worker: Office, stop: threading.Event) -> None:
    """Do whatever is due, as soon as it is; the other one sees the same jobs in the same order."""
    while not stop.is_set():
        worker.clock.now = datetime.now(UTC)
        for job_id in worker.due():
            worker.runner.run(job_id)
        time.sleep(0.01)


@contextmanager
def at_work(workers: list[Office]) -> Iterator[None]:
    stop = threading.Event()
    threads = [Background(lambda worker=worker: toil(worker, stop)) for worker in workers]
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.finish(20)


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("fails", [False, True], ids=["all goes well", "with refusals and broken associations"])
def test_two_workers_never_talk_to_one_destination_at_once_and_lose_nothing(
    workers: list[Office], pacs: ScriptedPacs, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    lines, office = Lines(monkeypatch), workers[0]
    met: set[str] = set()

    def at_first(uid: str) -> int:
        new = fails and uid not in met
        met.add(uid)
        return (0, 0xA700, -1)[len(met) % 3] if new else 0

    pacs.status = at_first
    cases = [office.revision(office.study(), ("sc", "sr")) for _ in range(STUDIES)]

    def committed() -> bool:
        return {state for case in cases for state in office.states(case).values()} == {"committed"}

    with at_work(workers):
        until(committed, 120, "everything is committed")
        until(lambda: all(job.state is JobState.DONE for job in office.jobs(JobStage.COMMIT)), 10, "no work is left")
    assert lines.most == 1
    assert lines.all >= 3 * STUDIES
    assert sorted(pacs.stored) == sorted(uid for case in cases for uid in office.uids(case))
    asked = [uid for _, uids in pacs.asked for uid in uids]
    assert sorted(asked) == sorted(pacs.stored), "nobody was asked twice about the same"
