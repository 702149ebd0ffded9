"""Pushed studies leave without their patients: nothing identified in any file, and a data set that can be used."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Installation, running, until
from peers import complaints
from pydicom import Dataset, dcmread

from core.types import Label, View
from dicom_node import layouts
from dicom_node.prepare import Prepared, prepare
from training import datasets
from training.phantom import cohort, dicom

NAME, ID, ACCESSION = "ZZCANARYNAME", "ZZCANARYID77", "ZZCANARYACC9"
BIRTH, PHYSICIAN, WORDS = "19310131", "ZZCANARYDOCTOR", "ZZCANARYWORDS"
VIEWS = [f"{view.value}.dcm" for view in View]


def study(number: int, label: Label, *, patient: int) -> list[Dataset]:
    objects = dicom.datasets(cohort.simulate(4321, number, label=label))
    for ds in objects:
        ds.PatientName, ds.PatientID = f"{NAME}^NUMBER{patient}", f"{ID}-{patient}"
        ds.PatientBirthDate, ds.AccessionNumber = BIRTH, f"{ACCESSION}-{number}"
        ds.ReferringPhysicianName, ds.StudyDescription = f"{PHYSICIAN}^A", f"{WORDS} of the referrer"
        ds.ImageComments = f"Called {NAME} at home"
        ds.add_new(0x00091001, "LO", NAME)
    return objects


STUDIES = [
    study(0, Label.NORMAL, patient=1),
    study(1, Label.INFARCTION, patient=2),
    study(2, Label.ISCHEMIA, patient=1),  # the same patient again
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("site")
    with running(folder / "home") as installation:
        for number, study in enumerate(STUDIES):
            installation.push(study, folder / str(number))
        until(lambda: len(installation.pacs.received) == len(STUDIES), 60, "every report comes")
        yield installation


@pytest.fixture(scope="module")
def exported(site: Installation) -> Path:
    out = site.home.parent / "export"
    site.run("export", "--deidentified", str(out), "--raw")
    return out


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "truth.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def report(out: Path) -> dict:
    return json.loads((out / "leak-report.json").read_text())


def test_each_patient_is_a_folder_with_three_screens_and_the_raw_data(exported):
    folders = sorted(path for path in exported.iterdir() if path.is_dir())
    assert [f.name for f in folders] == [row["patient_id"] for row in rows(exported)]
    assert len(folders) == 2
    for folder in folders:
        names = sorted(path.name for path in folder.iterdir())
        assert [n for n in names if n in VIEWS] == sorted(VIEWS)
        assert len([n for n in names if n.startswith("raw_")]) == 1


def test_no_word_of_a_header_is_in_any_file_or_name(exported):
    marks = [NAME, ID, ACCESSION, BIRTH, PHYSICIAN, WORDS]
    marks += [
        str(ds[k].value) for s in STUDIES for ds in s for k in ("StudyInstanceUID", "SOPInstanceUID", "StudyDate")
    ]
    everything = b"\n".join(
        str(path.relative_to(exported)).encode() + (path.read_bytes() if path.is_file() else b"")
        for path in exported.rglob("*")
    )
    assert [mark for mark in marks if mark.encode() in everything] == []
    found = report(exported)["searched_for"]
    assert found["words_of_original_headers"] > 50
    assert found["found"] == 0


def test_the_rest_is_listed_with_its_reason(exported):
    assert report(exported)["left_out"] == {"another_study_of_the_patient": 1}


def test_exported_screens_are_cut_to_the_same_crops(site, exported, tmp_path):
    def crops(paths: list[Path]) -> set[str]:
        found = [prepare(path, layouts=layouts.shipped()) for path in paths]
        return {one.crop.sha256 for one in found if isinstance(one, Prepared)}

    sources = [path for number in (1, 2) for path in sorted((site.home.parent / str(number)).glob("*.dcm"))[:3]]
    assert crops([folder / name for folder in exported.iterdir() if folder.is_dir() for name in VIEWS]) == crops(
        sources
    )


def test_the_export_is_a_data_set_that_says_it_is_simulated(exported):
    found = datasets.read(exported)
    assert list(found.patients) == [row["patient_id"] for row in rows(exported)]
    assert found.source == "simulated"
    assert {row["label_source"] for row in rows(exported)} == {"model"}
    assert report(exported)["labels_from"] == "the model: no truth"


def test_the_validator_finds_no_error_in_what_was_exported(exported):
    for path in exported.rglob("*.dcm"):
        assert complaints(path, warnings=False) == [], path.name


@pytest.fixture(scope="module")
def again(site: Installation, exported: Path) -> Path:
    """A second export, with moved dates and with labels for one of the patients."""
    out, labels = site.home.parent / "again", site.home.parent / "own.csv"
    labels.write_text(f"patient_id,label\n{ID}-1,ischemia\n")
    site.run("export", "--deidentified", str(out), "--shift-dates", "--labels", str(labels))
    return out


def test_a_second_export_gives_the_same_pseudonyms_and_uids_and_leaves_dates_in_order(site, exported, again):
    (row,) = rows(again)
    one, two = (dcmread(out / row["patient_id"] / "qps.dcm") for out in (exported, again))
    assert (one.StudyInstanceUID, one.SOPInstanceUID) == (two.StudyInstanceUID, two.SOPInstanceUID)
    assert two.StudyDate < "20270101"
    assert two.LongitudinalTemporalInformationModified == "MODIFIED"
    assert report(again)["left_out"]["not_asked_for"] == 1
    assert oct((site.home / "keys" / "deidentify.key").stat().st_mode & 0o777) == "0o600"


def test_own_labels_count_and_studies_without_one_are_left_out(again):
    assert [(row["label"], row["label_source"]) for row in rows(again)] == [("ischemia", "given")]
    assert report(again)["left_out"]["no_label_given"] == 1


def test_an_export_is_in_the_audit_trail_and_needs_a_folder_of_its_own(site, exported):
    events = [
        event for event in json.loads(site.run("audit", "list", "--format", "json")) if event["action"] == "export"
    ]
    assert len(events) >= 2
    assert all(event["study_id"] for event in events)
    site.run("export", "--deidentified", str(exported), code=2)
