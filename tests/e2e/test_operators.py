"""What operators do: ask the doctor, look at quarantine, decide, purge."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from harness import Installation, Pacs, free_port, until
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from core import SELF_TEST_AE
from dicom_node import reactor_gate
from training.phantom import cohort, dicom

KEPT_BACK = {"quarantine": "warn"}
"""Other tests of this folder leave bad screens behind."""


def doctor(perfuscope: Installation, *arguments: str, code: int = 0) -> dict[str, dict]:
    rows = json.loads(perfuscope.run("doctor", "--format", "json", *arguments, code=code))
    return {row["check"]: row for row in rows}


def test_a_healthy_installation_needs_nothing(perfuscope: Installation, pacs: Pacs) -> None:
    before = len(pacs.received)
    found = doctor(perfuscope)
    assert {name: row["level"] for name, row in found.items() if row["level"] != "ok"} in ({}, KEPT_BACK)
    assert "had its report after" in found["whole path"]["said"]
    assert "peer pacs" in found
    assert len(pacs.received) == before  # the test's report is sent nowhere
    listed = json.loads(perfuscope.run("studies", "list", "--format", "json"))
    assert "PERFUSCOPE-SELFTEST" not in {item["patient_id"] for item in listed}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")
def test_what_starts_all_others_has_one_thread_and_nothing_that_only_they_need(perfuscope: Installation) -> None:
    """A fork copies one thread of a process and the locks of all; on a first start the database was made, too."""
    supervisor = Path(f"/proc/{perfuscope.processes[0].pid}")
    status = dict(line.split(":\t", 1) for line in (supervisor / "status").read_text().splitlines())
    assert status["Threads"] == "1"
    mapped = (supervisor / "maps").read_text()
    assert not [name for name in ("numpy", "ai_edge_litert", "PIL") if f"/{name}/" in mapped]


def test_the_doctor_ends_with_what_to_do(perfuscope: Installation) -> None:
    last = perfuscope.run("doctor").strip().splitlines()[-1]
    assert last == "Nothing to do." or "perfuscope quarantine list" in last


def test_without_services_the_doctor_says_so_and_what_to_do(tmp_path: Path, pacs: Pacs) -> None:
    silent = Installation(tmp_path / "home", pacs, {"min_free_disk_mb": 1})
    silent.run("db", "upgrade")
    found = doctor(silent, code=1)
    assert (found["node"]["level"], found["whole path"]["level"]) == ("fail", "not run")
    assert "perfuscope up" in found["node"]["todo"]
    assert found["database"]["level"] == "ok"


def test_a_wrong_setting_is_the_doctors_first_finding(tmp_path: Path, pacs: Pacs) -> None:
    wrong = Installation(tmp_path / "home", pacs, {"quiet_period_s": -1})
    found = doctor(wrong, code=1)
    assert list(found) == ["settings"]
    assert "quiet_period_s = -1" in found["settings"]["said"]


def test_the_doctor_asks_one_peer(perfuscope: Installation, tmp_path: Path, pacs: Pacs) -> None:
    assert doctor(perfuscope, "--peer", "pacs")["peer pacs"]["level"] == "ok"
    lonely = Installation(tmp_path / "home", Pacs(port=free_port()))
    assert doctor(lonely, "--peer", "pacs", code=1)["peer pacs"]["level"] == "fail"
    lonely.run("doctor", "--peer", "nobody", code=2)


def test_the_reserved_title_may_ask_from_this_machine(perfuscope: Installation) -> None:
    ae = AE(ae_title=SELF_TEST_AE)
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", perfuscope.port, ae_title="PERFUSCOPE")
    assert assoc.is_established
    assoc.release()


def test_the_self_test_is_not_taken_from_another_address(perfuscope: Installation) -> None:
    (ds, *_) = dicom.datasets(cohort.simulate(4713, 0))
    ae = AE(ae_title=SELF_TEST_AE)
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate(
        "127.0.0.1",
        perfuscope.port,
        ae_title="PERFUSCOPE",
        bind_address=("127.0.0.2", 0),
        evt_handlers=[reactor_gate.HANDLER],
    )
    assert assoc.is_established
    assert assoc.send_c_store(ds).Status == 0x0124
    assoc.release()
    assert ds.StudyInstanceUID not in perfuscope.results()


def test_a_fixed_destination_gets_no_invented_study(tmp_path: Path, pacs: Pacs) -> None:
    fixed = Installation(tmp_path / "home", pacs, {"min_free_disk_mb": 1, "report.destination": "pacs"})
    before = len(pacs.received)
    fixed.start()
    try:
        assert doctor(fixed)["whole path"]["level"] == "ok"
        events = json.loads(fixed.run("audit", "list", "--format", "json"))
        assert json.loads(fixed.run("jobs", "list", "--format", "json")) == []
    finally:
        fixed.stop()
    assert fixed.processes[0].returncode == 0, "it had to be killed"
    assert len(pacs.received) == before
    said = {(event["actor"], event["action"]) for event in events}
    assert {("node", "start"), ("worker", "start"), ("ae:" + SELF_TEST_AE, "receive")} <= said
    assert {action for _, action in said} >= {"result", "purge"}
    assert "send" not in {action for _, action in said}
    stopped = {e["actor"] for e in json.loads(fixed.run("audit", "list", "--format", "json")) if e["action"] == "stop"}
    assert {"node", "worker"} <= stopped


@pytest.fixture
def kept_back(perfuscope: Installation, tmp_path: Path) -> str:
    """The Study Instance UID of a study with one screen of noise in quarantine."""
    datasets = dicom.datasets(cohort.simulate(4712, 0))
    bad = copy.deepcopy(datasets[0])
    bad.SOPInstanceUID = bad.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    shape = (bad.Rows, bad.Columns, 3)
    bad.PixelData = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8).tobytes()
    study = generate_uid(prefix=None)
    for ds in (*datasets, bad):
        ds.StudyInstanceUID = study
        if ds is not bad:
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    perfuscope.push([*datasets, bad], tmp_path / "push")
    until(lambda: perfuscope.completed(study), 60, "the study is done")
    return study


def test_what_is_in_quarantine_is_listed_shown_released_and_rejected(
    perfuscope: Installation, kept_back: str, tmp_path: Path
) -> None:
    def waiting() -> list[dict]:
        study_id = perfuscope.results()[kept_back]["study_id"]
        items = json.loads(perfuscope.run("quarantine", "list", "--format", "json"))
        return [item for item in items if item["study_id"] == study_id]

    (item,) = until(waiting, 30, "the screen is in quarantine")
    assert (item["kind"], item["reason"]) == ("object", "the screen's layout is not known")
    shown = json.loads(
        perfuscope.run("quarantine", "show", item["id"][:13], "--picture", str(tmp_path / "a.png"), "--format", "json")
    )
    assert shown["series_description"] == "AC QPS"
    assert (tmp_path / "a.png").stat().st_size > 100_000
    perfuscope.run("quarantine", "release", item["id"])
    (again,) = until(waiting, 30, "it is known no better")
    assert again["id"] == item["id"]
    perfuscope.run("quarantine", "reject", item["id"])
    assert waiting() == []
    perfuscope.run("quarantine", "reject", item["id"], code=2)
    actions = [
        e["action"] for e in json.loads(perfuscope.run("audit", "list", "--study", kept_back, "--format", "json"))
    ]
    assert {"view", "release", "reject"} <= set(actions)
    assert perfuscope.results()[kept_back]["revision"] == 1


def test_a_purge_without_a_retention_deletes_nothing(perfuscope: Installation) -> None:
    perfuscope.run("purge", "--yes", code=2)


def test_a_purge_says_what_it_would_take(perfuscope: Installation, tmp_path: Path) -> None:
    config = tmp_path / "retention.toml"
    plain = (perfuscope.home / "perfuscope.toml").read_text()
    config.write_text(plain + "\n[retention]\nobjects_days = 30\n")
    assert "Nothing to delete" in perfuscope.run(
        "purge", "--dry-run", "--home", str(perfuscope.home), "--config", str(config)
    )
