"""A study on PostgreSQL and Redis, with node, workers and viewer as processes, each under its own database role."""

import json
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from entry import cookie_of
from harness import PACS_AE, until, write
from production_site import Site, site
from pydicom import Dataset

from core.types import Label
from dicom_node import scu
from training.phantom import cohort, dicom

SETTINGS = {"quiet_period_s": 2, "min_free_disk_mb": 1, "lease_s": 3, "ring_again_s": 1}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("production"), **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def study(hospital: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pushed study whose report has come back; its UID."""
    datasets = dicom.datasets(cohort.simulate(4711, 0, label=Label.ISCHEMIA))
    hospital.push(datasets, tmp_path_factory.mktemp("pushed"))
    uid = str(datasets[0].StudyInstanceUID)
    until(lambda: hospital.pacs.of(uid), 60, "the report arrives")
    until(
        lambda: [r["state"] for r in hospital.results()[uid]["reports"]] == ["sent"] * 2, 30, "its deliveries are noted"
    )
    return uid


def test_the_report_comes_back_and_the_result_is_there(hospital: Site, study: str) -> None:
    item = hospital.results()[study]
    assert item["state"] in {"accepted", "needs_review"}
    assert item["revision"] == 1
    assert len({r.uid for r in hospital.pacs.of(study)}) == 1


def test_no_process_was_ever_refused_by_the_database_or_said_an_error(hospital: Site, study: str) -> None:
    for name in hospital.running:
        said = hospital.log_of(name)
        assert not re.search("InsufficientPrivilege|ProgrammingError|ERROR|Traceback", said), said[-3000:]
    assert hospital.restarts == []


def test_the_inference_worker_needs_no_store_and_no_settings_file(hospital: Site, study: str) -> None:
    there = {path.name for path in hospital.inference_home.iterdir()}
    assert there == {"cache"}, there


def test_the_admins_views_say_what_results_say(hospital: Site, study: str) -> None:
    item = hospital.results()[study]
    hospital.postgresql.execute(f"CREATE ROLE {hospital.database}_reader LOGIN IN ROLE perfuscope_reader")
    with hospital.postgresql.connected(hospital.database, f"{hospital.database}_reader") as connection:
        row = connection.execute(
            "SELECT study_id::text, patient_id, accession_number, state, revision, label, p_ischemia, model_sha256, "
            "report_state FROM v_results WHERE study_instance_uid = %s",
            [study],
        ).fetchone()
        days = connection.execute("SELECT state, label, studies, median_s FROM v_daily").fetchall()
    wanted = [item[k] for k in ("study_id", "patient_id", "accession_number", "state", "revision", "label")]
    assert list(row) == [*wanted, item["probabilities"]["ischemia"], item["model"]["sha256"], "sent"]
    assert [day[:3] for day in days] == [(item["state"], item["label"], 1)]
    assert 0 < days[0][3] < 60


def test_the_pages_are_served_under_the_viewers_role_and_the_visit_is_written_down(hospital: Site, study: str) -> None:
    study_id = hospital.results()[study]["study_id"]
    base = f"http://127.0.0.1:{hospital.web_port}"
    logged_in = {"Cookie": cookie_of(hospital)}
    for place in ("/", f"/studies/{study_id}"):
        with urllib.request.urlopen(urllib.request.Request(f"{base}{place}", headers=logged_in), timeout=20) as answer:
            assert answer.status == 200
    with hospital.postgresql.connected(hospital.database) as connection:
        actions = connection.execute("SELECT action FROM phi.audit_events WHERE study_id = %s", [study_id]).fetchall()
    assert ("view",) in actions


def test_operators_commands_work_under_the_role_of_the_node(hospital: Site, study: str) -> None:
    study_id = hospital.results()[study]["study_id"]
    assert json.loads(hospital.run("studies", "show", study_id, "--format", "json"))
    assert hospital.run("jobs", "list")


def simulated(index: int) -> list[Dataset]:
    return dicom.datasets(cohort.simulate(4712, index, label=Label.NORMAL))


def reported(hospital: Site, datasets: list[Dataset]) -> None:
    uid = str(datasets[0].StudyInstanceUID)
    until(lambda: hospital.pacs.of(uid), 60, "the report arrives")
    assert len({r.uid for r in hospital.pacs.of(uid)}) == 1


def test_without_redis_objects_are_taken_and_reported_once_it_is_back(hospital: Site, tmp_path: Path) -> None:
    hospital.redis.stop(signal.SIGKILL)
    datasets = simulated(0)
    hospital.push(datasets, tmp_path)
    hospital.redis.start()
    reported(hospital, datasets)
    assert hospital.restarts == [], "everybody found the broker again"


def test_an_emptied_redis_costs_seconds_and_no_study(hospital: Site, tmp_path: Path) -> None:
    datasets = simulated(1)
    hospital.push(datasets, tmp_path)
    hospital.redis.flush()
    reported(hospital, datasets)
    assert hospital.restarts == []


def test_without_postgresql_objects_are_refused_and_the_next_ones_taken_once_it_is_back(
    hospital: Site, tmp_path: Path
) -> None:
    datasets = simulated(2)
    paths = write(datasets, tmp_path)
    hospital.postgresql.stop()
    refused = scu.send_files(paths, to=hospital.address, calling_ae_title=PACS_AE, timeout_s=30)
    assert {sent.code for sent in refused.failed} == {"out_of_resources"}
    assert len(refused.failed) == len(paths)
    hospital.postgresql.start()
    hospital.push(datasets, tmp_path / "again")
    reported(hospital, datasets)
    assert hospital.restarts == [], "everybody found the database again"
