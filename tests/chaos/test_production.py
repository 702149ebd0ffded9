"""On PostgreSQL and Redis: whatever is killed, emptied or restarted, every study gets its report, none gets two."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import studies
from harness import Background, push_like_a_pacs, until, write
from production_site import COMMANDS, Site, site
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from sizes import size

STUDIES, BLOWS = size(20, 10), size(21, 7)
SETTINGS = {"lease_s": 2, "ring_again_s": 0.5, "quiet_period_s": 120, "min_free_disk_mb": 1}


def blows(hospital: Site) -> list[Callable[[], None]]:
    """What befalls it, in turn."""

    def redis_is_emptied() -> None:
        hospital.redis.flush()

    def postgresql_restarts_without_a_goodbye() -> None:
        hospital.postgresql.stop()
        hospital.postgresql.start()

    def redis_is_killed_and_comes_back() -> None:
        hospital.redis.stop(9)
        time.sleep(0.5)
        hospital.redis.start()

    kills = [lambda name=name: hospital.kill(name) for name in COMMANDS]
    return [redis_is_emptied, *kills, postgresql_restarts_without_a_goodbye, redis_is_killed_and_comes_back]


def test_a_report_for_each_study_whatever_falls_over(tmp_path: Path) -> None:
    sent = [_screens(datasets) for datasets in studies.of_different_patients(STUDIES)]
    folders = [write(datasets, tmp_path / str(number)) for number, datasets in enumerate(sent)]
    uids = {studies.uid_of(datasets) for datasets in sent}
    with site(tmp_path, **SETTINGS) as hospital:
        sender = Background(lambda: push_like_a_pacs(hospital, folders))
        for blow in itertools.islice(itertools.cycle(blows(hospital)), BLOWS):
            time.sleep(1)
            blow()
        sender.finish(150)
        until(lambda: uids <= {r.study for r in hospital.pacs.received}, 90, "every report comes")
        until(lambda: _all_sent(hospital), 60, "every delivery is written down")
        _each_once(hospital, uids)
        assert set(hospital.restarts) == set(COMMANDS)


def _screens(datasets: list[Dataset]) -> list[Dataset]:
    """Without the raw data, which nobody decodes."""
    return [ds for ds in datasets if ds.SOPClassUID == SecondaryCaptureImageStorage]


def _all_sent(hospital: Site) -> bool:
    asked = "SELECT stage, count(*) FROM jobs WHERE state = 'done' GROUP BY stage"
    with hospital.postgresql.connected(hospital.database) as connection:
        done = dict(connection.execute(asked).fetchall())
    return done == {"prepare": 3 * STUDIES, "classify": STUDIES, "report": STUDIES, "deliver": 2 * STUDIES}


def _each_once(hospital: Site, uids: set[str]) -> None:
    assert {r.study for r in hospital.pacs.received} == uids
    for study in uids:
        assert len({r.uid for r in hospital.pacs.of(study)}) == 1, "a second report"
        assert len({r.uid for r in hospital.pacs.documents_of(study)}) == 1, "a second structured report, or none"
        assert len({r.digest for r in hospital.pacs.of(study)}) == 1, "other bytes in a repeated send"
    results = hospital.results().values()
    assert len(results) == STUDIES
    assert {item["revision"] for item in results} == {1}
    assert [[report["state"] for report in item["reports"]] for item in results] == [["sent"] * 2] * STUDIES
