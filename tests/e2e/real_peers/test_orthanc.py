"""Orthanc forwards what it gets and finds the report in the same study of the same patient."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import until, write
from peers import complaints, said
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)
from studies import renew, study, uid_of

from core import MANUFACTURER
from dicom_node.scp import TRANSFER_SYNTAXES

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)
"""What Orthanc 1.10 transcodes to."""
LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless}
IDENTITY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber", "StudyDate")


def the_report(hospital, study_uid: str) -> dict[str, Any]:
    return until(lambda: hospital.orthanc.reports(study_uid), 40, "the report is in Orthanc")[0]


def at_rest(hospital) -> bool:
    """Whether Orthanc has nothing left to forward, and Perfuscope nothing left to do."""
    jobs = hospital.orthanc.ask("GET", "/jobs?expand")
    return all(job["State"] in {"Success", "Failure"} for job in jobs) and all(
        item["completed_at"] for item in hospital.perfuscope.results().values()
    )


@pytest.fixture(scope="module")
def forwarded(hospital, tmp_path_factory) -> tuple[list[Dataset], bytes]:
    """A study of a patient with letters beyond ASCII, and its report as Orthanc gives it back."""
    datasets = study(index=1, PatientName="PRÜFFALL^JÖRG", PatientID="SIM-ORTHANC-1")
    hospital.orthanc.take(write(datasets, tmp_path_factory.mktemp("forwarded")))
    return datasets, hospital.orthanc.file(the_report(hospital, uid_of(datasets))["ID"])


def test_the_reports_are_new_series_of_the_same_study_and_patient(hospital, forwarded) -> None:
    datasets, _ = forwarded
    until(lambda: hospital.orthanc.reports(uid_of(datasets), modality="SR"), 40, "the structured report is in Orthanc")
    found = hospital.orthanc.study(uid_of(datasets))
    assert len(found["Series"]) == len({ds.SeriesInstanceUID for ds in datasets}) + 2
    assert len(hospital.orthanc.find("Patient", PatientID="SIM-ORTHANC-1")) == 1


def test_the_report_names_the_patient_in_the_same_bytes(forwarded, tmp_path: Path) -> None:
    datasets, report = forwarded
    sent = dcmread(write(datasets[:1], tmp_path)[0], stop_before_pixels=True)
    back = dcmread(BytesIO(report))
    for keyword in IDENTITY:
        tag = Tag(keyword)
        assert back.get_item(tag).value == sent.get_item(tag).value, keyword
    assert (back.SOPClassUID, back.file_meta.TransferSyntaxUID) == (
        SecondaryCaptureImageStorage,
        ExplicitVRLittleEndian,
    )


def test_orthanc_commits_to_the_report(hospital, forwarded) -> None:
    def states() -> list[str]:
        return [r["state"] for r in hospital.perfuscope.results()[uid_of(forwarded[0])]["reports"]]

    until(lambda: set(states()) == {"committed"}, 30, "Orthanc says that it has stored it")


def test_validators_and_viewers_take_the_report_from_orthanc(forwarded, tmp_path: Path) -> None:
    _, report = forwarded
    path, picture = tmp_path / "report.dcm", tmp_path / "report.ppm"
    path.write_bytes(report)
    assert complaints(path) == []
    assert said("dcm2pnm", path, picture) == ""
    with Image.open(picture) as shown:
        assert np.array_equal(np.asarray(shown), dcmread(path).pixel_array)


def test_each_study_gets_one_report_though_orthanc_forwards_that_too(hospital, tmp_path: Path) -> None:
    many = [study(index=number % 2, PatientID=f"SIM-LOOP-{number}") for number in range(3)]
    for number, datasets in enumerate(many):
        hospital.orthanc.take(write(datasets, tmp_path / str(number)))
    for datasets in many:
        the_report(hospital, uid_of(datasets))
    until(lambda: forwards(hospital, many) >= 2 * len(many) and at_rest(hospital), 60, "the reports were forwarded")
    for datasets in many:
        assert len(hospital.orthanc.reports(uid_of(datasets))) == 1
        assert len(hospital.orthanc.reports(uid_of(datasets), modality="SR")) == 1
        assert hospital.perfuscope.results()[uid_of(datasets)]["revision"] == 1
    assert "one of our own reports came back" in hospital.perfuscope.log
    assert "of our own objects came back and were ignored" in hospital.perfuscope.run("studies", "list")


def forwards(hospital, many: list[list[Dataset]]) -> int:
    """How often Orthanc has sent one of these studies on."""
    ours = {hospital.orthanc.study(uid_of(datasets))["ID"] for datasets in many}
    jobs = hospital.orthanc.ask("GET", "/jobs?expand")
    return sum(job["State"] == "Success" and bool(ours & set(parents(job))) for job in jobs)


def parents(job: dict[str, Any]) -> list[str]:
    return job["Content"].get("ParentResources", [])


@pytest.fixture(scope="module")
def transcoded(hospital, forwarded, tmp_path_factory) -> dict[UID, str]:
    """The forwarded study once in every syntax, as a study of its own each: Study Instance UIDs by syntax."""
    held = hospital.orthanc.study(uid_of(forwarded[0]))["ID"]
    sent = {}
    for syntax in SYNTAXES:
        folder = tmp_path_factory.mktemp("transcoded")
        sent[syntax] = f"{uid_of(forwarded[0])[:50]}.{SYNTAXES.index(syntax)}"
        for path in hospital.orthanc.transcoded(held, syntax, folder):
            as_another_study(path, sent[syntax])
        hospital.orthanc.take(path for path in folder.rglob("*.dcm"))
    return sent


def as_another_study(path: Path, study_uid: str) -> None:
    """Renumber a file, its pixels untouched; our own report among them is dropped."""
    ds = dcmread(path)
    if ds.Manufacturer == MANUFACTURER:
        path.unlink()
        return
    ds.StudyInstanceUID, ds.PatientID = study_uid, f"SIM-{study_uid[-2:]}"
    ds.SeriesInstanceUID = f"{study_uid}.{ds.SeriesNumber}"
    renew(ds)
    dcmwrite(path, ds, enforce_file_format=True)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: UID(syntax).keyword)
def test_a_study_that_orthanc_holds_in_a_syntax_gets_its_report(syntax, hospital, forwarded, transcoded) -> None:
    report = the_report(hospital, transcoded[syntax])
    if syntax in TRANSFER_SYNTAXES:  # else Orthanc sends it uncompressed
        assert hospital.syntaxes(transcoded[syntax]) == {syntax}
    results = hospital.perfuscope.results()
    same, other = results[uid_of(forwarded[0])], results[transcoded[syntax]]
    if syntax in LOSSY:
        assert other["label"]
        assert dcmread(BytesIO(hospital.orthanc.file(report["ID"]))).LossyImageCompression == "01"
    else:
        assert other["probabilities"] == same["probabilities"]
