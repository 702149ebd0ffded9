"""Whatever is killed while studies flow: every study gets its report, none gets two."""

import itertools
import os
import signal
import time
from pathlib import Path

import studies
from harness import Background, Installation, Pacs, alive, descendants, push_like_a_pacs, until, write
from sizes import size

STUDIES, KILLS = size(20, 8), size(8, 4)
VICTIMS = ("perfuscope node", "queues edge", "queues inference", "cli up")
SETTINGS = {"lease_s": 2, "ring_again_s": 0.5, "quiet_period_s": 120, "min_free_disk_mb": 1}


def kill_one(installation: Installation, victim: str) -> None:
    """SIGKILL to the first process of that name below (or of) the supervisor; a dead supervisor is started again."""
    supervisor = installation.processes[-1]
    if victim == "cli up":
        children = descendants(supervisor.pid)
        supervisor.kill()
        supervisor.wait()
        until(lambda: not any(alive(pid) for pid in children), 10, "the children die with it")
        installation.start(ready=False)
        return
    running = until(lambda: [p for p, c in descendants(supervisor.pid).items() if victim in c], 30, f"{victim} runs")
    os.kill(min(running), signal.SIGKILL)


def test_killed_processes_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    sent = studies.of_different_patients(STUDIES)
    folders = [write(datasets, tmp_path / str(number)) for number, datasets in enumerate(sent)]
    pacs = Pacs().start()
    installation = Installation(tmp_path / "home", pacs, SETTINGS)
    installation.start()
    try:
        sender = Background(lambda: push_like_a_pacs(installation, folders))
        for victim in itertools.islice(itertools.cycle(VICTIMS), KILLS):
            time.sleep(1.5)
            kill_one(installation, victim)
        sender.finish(150)
        uids = {studies.uid_of(datasets) for datasets in sent}
        until(lambda: uids <= {r.study for r in pacs.received}, 120, f"{STUDIES} reports; {len(pacs.received)} came")
        until(lambda: _all_sent(installation), 60, "every delivery is written down")
    finally:
        installation.end_at_once()
        pacs.stop()
    assert {r.study for r in pacs.received} == uids
    for study in uids:
        assert len({r.uid for r in pacs.of(study)}) == 1, "a second report"
        assert len({r.uid for r in pacs.documents_of(study)}) == 1, "a second structured report, or none"
        assert len({r.digest for r in pacs.of(study)}) == 1, "other bytes in a repeated send"
    assert {item["revision"] for item in installation.results().values()} == {1}
    assert len(installation.results()) == STUDIES


def _all_sent(installation: Installation) -> bool:
    reports = [item["reports"] for item in installation.results().values()]
    return len(reports) == STUDIES and all([r["state"] for r in found] == ["sent"] * 2 for found in reports)
