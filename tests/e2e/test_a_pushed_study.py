"""A study pushed by C-STORE comes back as a report, or says why there is no result."""

import copy
import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from entry import cookie_of
from harness import Installation, Pacs, running, until
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from core import DISCLAIMER, MANUFACTURER
from core.types import Label
from models import overlay
from training.phantom import cohort, dicom


def simulated(index: int, label: Label = Label.ISCHEMIA) -> list[Dataset]:
    return dicom.datasets(cohort.simulate(4711, index, label=label))


def done(perfuscope: Installation, study: str) -> dict:
    until(lambda: perfuscope.completed(study), 60, "the study is done")
    return perfuscope.results()[study]


def views(datasets: list[Dataset]) -> dict[str, Dataset]:
    return {str(ds.SeriesDescription): ds for ds in datasets}


def test_the_report_arrives_in_the_same_study_with_the_same_patient(
    perfuscope: Installation, pacs: Pacs, tmp_path: Path
) -> None:
    datasets = simulated(0)
    perfuscope.push(datasets, tmp_path)
    report = until(lambda: pacs.of(datasets[0].StudyInstanceUID), 60, "the report arrives")[0].ds
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyDate", "StudyInstanceUID"):
        assert report[keyword].value == datasets[0][keyword].value, keyword
    assert report.SOPClassUID == SecondaryCaptureImageStorage
    assert report.SeriesInstanceUID not in {ds.SeriesInstanceUID for ds in datasets}
    assert (report.Manufacturer, report.Rows, report.Columns) == (MANUFACTURER, 1200, 1600)
    assert DISCLAIMER in report.ImageComments
    (structured,) = until(lambda: pacs.documents_of(datasets[0].StudyInstanceUID), 30, "the structured report arrives")
    assert structured.ds.SOPClassUID == Comprehensive3DSRStorage
    assert structured.ds.PatientName == datasets[0].PatientName
    (study,) = structured.ds.CurrentRequestedProcedureEvidenceSequence
    named = {one.ReferencedSOPInstanceUID for it in study.ReferencedSeriesSequence for one in it.ReferencedSOPSequence}
    assert named == {
        report.SOPInstanceUID,
        *(ds.SOPInstanceUID for ds in datasets if ds.SOPClassUID == report.SOPClassUID),
    }
    outlined = (report.pixel_array == overlay.LINE).all(axis=-1)
    assert all(
        outlined[:, left : left + 336].any() for left in (476, 846, 1216)
    )  # where the model looked, in each view


def test_the_result_says_what_it_was_made_from(perfuscope: Installation, tmp_path: Path) -> None:
    datasets = simulated(1)
    perfuscope.push(datasets, tmp_path)
    item = done(perfuscope, datasets[0].StudyInstanceUID)
    assert item["state"] in {"accepted", "needs_review"}
    assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert {v["view"] for v in item["views"]} == {"qps", "stress_qgs", "rest_qgs"}
    assert {v["sop_instance_uid"] for v in item["views"]} <= {str(ds.SOPInstanceUID) for ds in datasets}
    assert len(item["model"]["sha256"]) == 64
    until(lambda: perfuscope.results()[item["study_instance_uid"]]["reports"][0]["state"] == "sent", 30, "sent")


def test_any_order_and_one_association_an_object_give_one_report(
    perfuscope: Installation, pacs: Pacs, tmp_path: Path
) -> None:
    datasets = simulated(2)
    for number, ds in enumerate(reversed(datasets)):
        perfuscope.push([ds], tmp_path / str(number))
    perfuscope.push(datasets, tmp_path / "again")
    study = datasets[0].StudyInstanceUID
    until(lambda: pacs.of(study), 60, "the report arrives")
    perfuscope.push(datasets, tmp_path / "and_again")
    item = done(perfuscope, study)
    assert item["revision"] == 1
    assert len({r.uid for r in pacs.of(study)}) == 1


def test_a_missing_view_is_named_and_a_late_one_opens_revision_2(
    perfuscope: Installation, pacs: Pacs, tmp_path: Path
) -> None:
    datasets = simulated(3)
    late = views(datasets)["AC REST QGS"]
    perfuscope.push([ds for ds in datasets if ds is not late], tmp_path / "day_1")
    study = datasets[0].StudyInstanceUID
    item = done(perfuscope, study)
    assert (item["state"], item["revision"]) == ("no_result", 1)
    assert item["reason"] == "incomplete (missing: Rest QGS)"
    assert not pacs.of(study)
    perfuscope.push([late], tmp_path / "day_2")
    report = until(lambda: pacs.of(study), 60, "the report arrives")[0].ds
    assert perfuscope.results()[study]["revision"] == 2
    assert "revision 2" in report.SeriesDescription


@pytest.fixture
def rejecting(tmp_path: Path) -> Iterator[Installation]:
    """It sends notices too, and has what was replaced rejected."""
    said = {"report.send_no_result": True, "report.reject_superseded": True, "report.timezone": "Asia/Tokyo"}
    with running(tmp_path / "home", quiet_period_s=1, **said) as installation:
        yield installation


def test_a_late_view_replaces_what_the_pacs_shows_by_a_report_on_all_views(
    rejecting: Installation, tmp_path: Path
) -> None:
    datasets, pacs = simulated(5), rejecting.pacs
    late = views(datasets)["AC REST QGS"]
    study = datasets[0].StudyInstanceUID
    rejecting.push([ds for ds in datasets if ds is not late], tmp_path / "day_1")
    (first,) = until(lambda: pacs.of(study), 60, "the notice arrives")
    until(lambda: pacs.documents_of(study), 30, "and its structured report")
    assert first.ds.SeriesDescription.endswith("result, revision 1, unverified")
    rejecting.push([late], tmp_path / "day_2")
    _, second = until(lambda: len(pacs.of(study)) == 2 and pacs.of(study), 60, "the second report arrives")
    before, after, rejection = until(
        lambda: len(pacs.documents_of(study)) == 3 and pacs.documents_of(study), 30, "the rejection arrives"
    )

    assert "revision 2" in second.ds.SeriesDescription
    item = rejecting.results()[study]
    assert (item["revision"], {view["view"] for view in item["views"]}) == (2, {"qps", "stress_qgs", "rest_qgs"})
    assert referenced(after.ds) == {
        second.uid,
        *(str(v.SOPInstanceUID) for v in views(datasets).values() if is_view(v)),
    }

    assert rejection.ds.SOPClassUID == KeyObjectSelectionDocumentStorage
    (title,) = rejection.ds.ConceptNameCodeSequence
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113001", "DCM")
    assert referenced(rejection.ds) == {first.uid, before.uid}
    assert rejection.at > max(second.at, after.at), "never before what replaces them is there"
    assert rejection.ds.PatientName == datasets[0].PatientName
    made = [one.ds.ContentDate + one.ds.ContentTime for one in (after, rejection)]
    earlier, later = (datetime.strptime(text, "%Y%m%d%H%M%S.%f") for text in made)  # noqa: DTZ007 - both of one zone
    assert timedelta() < later - earlier < timedelta(seconds=60)

    def shown() -> dict[tuple[int, str], str]:
        detail = json.loads(rejecting.run("studies", "show", study, "--format", "json"))
        return {(sent["revision"], sent["kind"]): sent["state"] for sent in detail["reports"]}

    until(lambda: set(shown().values()) == {"sent", "superseded"}, 30, "everything is sent")
    assert shown() == {
        (1, "notice"): "superseded",
        (1, "sr"): "superseded",
        (1, "kos"): "sent",
        (2, "sc"): "sent",
        (2, "sr"): "sent",
    }
    page = urllib.request.Request(
        f"http://127.0.0.1:{rejecting.web_port}/studies/{item['study_id']}?revision=1",
        headers={"Cookie": cookie_of(rejecting)},
    )
    with urllib.request.urlopen(page, timeout=30) as response:
        told = response.read().decode()
    assert "Revision 1 was superseded" in told
    assert told.count("Superseded") == 2, "both deliveries"


def referenced(ds: Dataset) -> set[str]:
    """The objects that a document has as its evidence."""
    (study,) = ds.CurrentRequestedProcedureEvidenceSequence
    return {
        str(one.ReferencedSOPInstanceUID) for it in study.ReferencedSeriesSequence for one in it.ReferencedSOPSequence
    }


def is_view(ds: Dataset) -> bool:
    return ds.SOPClassUID == SecondaryCaptureImageStorage


def test_the_audit_trail_tells_what_became_of_a_study(perfuscope: Installation, pacs: Pacs, tmp_path: Path) -> None:
    datasets = simulated(9)
    study = datasets[0].StudyInstanceUID
    perfuscope.push(datasets, tmp_path)
    until(lambda: pacs.of(study), 60, "the report arrives")

    def trail() -> list[tuple[str, str]]:
        rows = json.loads(perfuscope.run("audit", "list", "--study", study, "--format", "json"))
        return [(row["action"], row["actor"]) for row in reversed(rows)]

    until(lambda: ("send", "perfuscope") in trail(), 30, "the sending is written down")
    assert "view" not in dict(trail())
    perfuscope.run("studies", "show", study)
    found = trail()
    assert ("receive", "ae:TESTPACS") in found
    assert found.index(("result", "perfuscope")) < found.index(("send", "perfuscope"))
    assert "view" in dict(found)
    started = json.loads(perfuscope.run("audit", "list", "--limit", "1000", "--format", "json"))
    assert ("start", "node") in {(row["action"], row["actor"]) for row in started}


def test_a_result_is_repeated_and_made_anew_on_demand(perfuscope: Installation, pacs: Pacs, tmp_path: Path) -> None:
    datasets = simulated(10)
    study = datasets[0].StudyInstanceUID
    perfuscope.push(datasets, tmp_path)
    until(lambda: pacs.of(study), 60, "the report arrives")
    replayed = json.loads(perfuscope.run("studies", "replay", study, "--format", "json"))
    assert (replayed["revision"], replayed["same"], replayed["difference"]) == (1, True, 0)
    assert [row["of"] for row in replayed["probabilities"]] == ["Study", "QPS", "Stress QGS", "Rest QGS"]
    perfuscope.run("studies", "requeue", study)
    second = until(lambda: pacs.of(study)[1:], 60, "the second report arrives")[0].ds
    assert "revision 2" in second.SeriesDescription
    perfuscope.run("studies", "requeue", study, "--from", "prepare")
    assert perfuscope.results()[study]["revision"] == 2


def test_a_study_without_screens_gets_no_result(perfuscope: Installation, tmp_path: Path) -> None:
    datasets = [ds for ds in simulated(4) if ds.SOPClassUID != SecondaryCaptureImageStorage]
    assert datasets
    perfuscope.push(datasets, tmp_path)
    item = done(perfuscope, datasets[0].StudyInstanceUID)
    assert (item["state"], item["reason"]) == ("no_result", "no MPI screens")


def test_two_patients_in_one_study_are_quarantined(perfuscope: Installation, pacs: Pacs, tmp_path: Path) -> None:
    datasets = simulated(5)
    stranger = views(datasets)["AC QPS"]
    stranger.PatientID, stranger.PatientName = "SIM-STRANGER", "STRANGER^SIMULATED"
    perfuscope.push(datasets, tmp_path)
    item = done(perfuscope, datasets[0].StudyInstanceUID)
    assert (item["state"], item["label"]) == ("quarantined", None)
    assert "different patients" in item["reason"]
    assert not pacs.of(datasets[0].StudyInstanceUID)


def test_a_result_that_no_longer_holds_is_taken_back_where_the_pacs_shows_it(
    perfuscope: Installation, pacs: Pacs, tmp_path: Path
) -> None:
    datasets = simulated(8)
    study = datasets[0].StudyInstanceUID
    perfuscope.push(datasets, tmp_path / "study")
    first = until(lambda: pacs.of(study), 60, "the report arrives")[0].ds
    stranger = copy.deepcopy(datasets[-1])
    stranger.SOPInstanceUID = stranger.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    stranger.PatientID, stranger.PatientName = "SIM-STRANGER", "STRANGER^SIMULATED"
    perfuscope.push([stranger], tmp_path / "stranger")
    second = until(lambda: pacs.of(study)[1:], 60, "the notice arrives")[0].ds
    assert second.SeriesDescription == "Perfuscope MPI result withdrawn, revision 2, unverified"
    assert "Replaces revision 1" in second.ImageComments
    assert (second.PatientID, second.PatientName) == (first.PatientID, first.PatientName)
    item = perfuscope.results()[study]
    assert (item["state"], item["label"], [r["kind"] for r in item["reports"]]) == (
        "quarantined",
        None,
        ["notice", "sr"],
    )
    taken_back = until(lambda: pacs.documents_of(study)[1:], 30, "the structured report that takes it back arrives")[
        0
    ].ds
    (before,) = taken_back.PredecessorDocumentsSequence
    assert before.ReferencedSeriesSequence[0].SeriesInstanceUID == pacs.documents_of(study)[0].ds.SeriesInstanceUID
    duplicate = copy.deepcopy(datasets[0])
    perfuscope.push([duplicate], tmp_path / "duplicate")
    assert len(pacs.of(study)) == 2


def _noise(ds: Dataset) -> None:
    shape = (ds.Rows, ds.Columns, 3)
    ds.PixelData = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8).tobytes()


def _truncate(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def _wrong_rows(ds: Dataset) -> None:
    ds.Rows = 999


def _smaller(ds: Dataset) -> None:
    pixels = np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns, 3)[:512, :640]
    ds.Rows, ds.Columns, ds.PixelData = 512, 640, pixels.tobytes()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_noise, "the screen's layout is not known"),
        (_truncate, "the pixels cannot be decoded"),
        (_wrong_rows, "the pixels cannot be decoded"),
        (_smaller, "the screen's size is not that of the layout"),
    ],
    ids=["unknown layout", "truncated", "wrong rows", "wrong size"],
)
def test_a_bad_screen_is_quarantined_with_its_reason_and_the_rest_goes_on(
    perfuscope: Installation, tmp_path: Path, spoil, reason: str
) -> None:
    datasets = simulated(6)
    good = views(datasets)["AC QPS"]
    bad = copy.deepcopy(good)
    bad.SOPInstanceUID = bad.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    spoil(bad)
    study = generate_uid(prefix=None)
    for ds in (*datasets, bad):
        ds.StudyInstanceUID = study
        if ds is not bad:
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    perfuscope.push([*datasets, bad], tmp_path)
    item = done(perfuscope, study)
    assert item["label"] is not None
    shown = json.loads(perfuscope.run("studies", "show", item["study_id"][:13], "--format", "json"))
    assert [o["reason"] for o in shown["objects"] if o["state"] == "quarantined"] == [reason]


def test_a_screen_whose_header_names_another_view_is_never_classified(perfuscope: Installation, tmp_path: Path) -> None:
    datasets = simulated(7)
    by_view = views(datasets)
    by_view["AC STRESS QGS"].SeriesDescription, by_view["AC REST QGS"].SeriesDescription = (
        "AC REST QGS",
        "AC STRESS QGS",
    )
    perfuscope.push(datasets, tmp_path)
    item = done(perfuscope, datasets[0].StudyInstanceUID)
    assert (item["state"], item["label"]) == ("no_result", None)
    assert "Stress QGS, Rest QGS" in item["reason"]
