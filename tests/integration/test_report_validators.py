"""Reports before other people's eyes: dciodvfy and dcentvfy (dicom3tools), dcm2pnm (DCMTK), PixelMed's SR validator."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from names import REGULAR
from peers import complaints, disagreements, program, said
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import Comprehensive3DSRStorage

from core.phi import Phi
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction, View, ViewPrediction
from dicom_node import key_object, layouts, report, report_page, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_envelope import VERBATIM, VERBATIM_OR_EMPTY
from dicom_node.report_header import Header, raw, raw_element
from training.phantom import cohort
from training.phantom.dicom import write_study

AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
MODEL = ModelIdentity("mobilenet-sim-1", "1.0.0", "0123456789abcdef" * 4)
UNKNOWN_TO_DCIODVFY = {"chinese_gbk"}
PIXELMED = Path("/usr/share/java/pixelmed.jar")
EXPECTED_OF_PIXELMED = "(252432008,SCT,Radionuclide myocardial perfusion study) not found in context group 100"
"""CID 100 is extensible and has general procedures only; ours is the code of CID 3757 for the very study."""


class Made(NamedTuple):
    """A study's reports as files."""

    page: Path
    structured: Path
    rejection: Path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_study(cohort.simulate(11, 3), tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def crops(study: list[Path]) -> dict[View, np.ndarray]:
    found = {}
    for path in study:
        if path.stem in set(View):
            pixels = dcmread(path).pixel_array
            found[View(path.stem)] = layouts.crop(pixels, layouts.recognise(pixels, layouts.shipped())).pixels
    return found


def header_of(study: list[Path]) -> Dataset:
    return dcmread(next(path for path in study if path.stem == "qps"), stop_before_pixels=True)


def content(header: Dataset, outcome: Outcome, crops: dict[View, np.ndarray], **changes: object) -> ReportContent:
    shares = Probabilities(0.1, 0.8, 0.1)
    views = {v: ViewPrediction(v, shares, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in View}
    made = ReportContent(
        header=Header.of(header),
        revision=1,
        outcome=outcome,
        created_at=AT,
        prediction=StudyPrediction(shares, Status.ACCEPTED, views, 20.0),
        reason=Reason.INCOMPLETE if outcome is Outcome.NO_RESULT else None,
        model=MODEL,
        crops=crops,
    )
    return replace(made, **changes)


def written(said_of: ReportContent, header: Dataset, sources: list[SourceReference], folder: Path) -> Made:
    """Page, structured report, and the rejection of both."""
    made = Made(*(folder / name for name in ("page.dcm", "structured.dcm", "rejection.dcm")))
    uids = [{"sop_instance_uid": Phi(f"2.25.7700{n}"), "series_instance_uid": Phi(f"2.25.7800{n}")} for n in range(3)]
    page = report.build_secondary_capture(said_of, header, sources, created_at=AT, **uids[0])
    before = [SourceReference(Comprehensive3DSRStorage, Phi("2.25.7"), Phi("2.25.8"))] if said_of.replaces else []
    structured = structured_report.build_structured_report(
        said_of, header, sources, page=page, predecessors=before, created_at=AT, **uids[1]
    )
    rejected = [
        SourceReference(str(ds.SOPClassUID), Phi(ds.SOPInstanceUID), Phi(ds.SeriesInstanceUID))
        for ds in (page, structured)
    ]
    rejection = key_object.build_rejection(rejected, header, created_at=AT, **uids[2])
    for path, ds in zip(made, (page, structured, rejection), strict=True):
        path.write_bytes(report.to_bytes(ds))
    return made


def references(study: list[Path]) -> list[SourceReference]:
    headers = [dcmread(path, stop_before_pixels=True) for path in study if path.stem in set(View)]
    return [SourceReference(h.SOPClassUID, Phi(h.SOPInstanceUID), Phi(h.SeriesInstanceUID)) for h in headers]


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.NEEDS_REVIEW, Outcome.NO_RESULT])
def test_validators_find_fault_neither_with_one_object_nor_with_all_together(outcome, study, crops, tmp_path) -> None:
    header = header_of(study)
    changes = {"revision": 2, "replaces": 1} if outcome is Outcome.NO_RESULT else {}
    made = written(content(header, outcome, crops, **changes), header, references(study), tmp_path)
    kinds = [said("dciodvfy", path, fails=True).splitlines()[0] for path in made]
    assert kinds == ["SCImage", "Comprehensive3DSR", "KeyObjectSelectionDocument"]
    assert [complaint for path in made for complaint in complaints(path)] == []
    assert disagreements([*made, *study]) == []


@pytest.mark.parametrize("sr_class", ["comprehensive", "enhanced"])
def test_the_other_classes_are_valid_too(sr_class, study, tmp_path) -> None:
    header = header_of(study)
    made = structured_report.build_structured_report(
        content(header, Outcome.ACCEPTED, {}),
        header,
        references(study),
        page=None,
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=AT,
        sr_class=sr_class,
    )
    path = tmp_path / "structured.dcm"
    path.write_bytes(report.to_bytes(made))
    assert complaints(path) == []


@pytest.mark.parametrize("key", REGULAR)
def test_validators_take_every_character_set(key, study, tmp_path) -> None:
    original, name, header = header_of(study), REGULAR[key], Dataset()
    for keyword in (*VERBATIM, *VERBATIM_OR_EMPTY):
        element = raw_element(original, keyword)
        if element is not None and keyword != "SpecificCharacterSet":
            header[element.tag] = element
    for keyword, value in (("SpecificCharacterSet", name.charset), ("PatientName", name.value)):
        if value is not None:
            header[Tag(keyword)] = raw(Tag(keyword), value)
    made = written(content(header, Outcome.ACCEPTED, {}), header, references(study), tmp_path)
    if key not in UNKNOWN_TO_DCIODVFY:
        assert [complaint for path in made for complaint in complaints(path)] == []
        assert disagreements(made) == []


def test_reports_without_any_patient_have_no_error(study, tmp_path) -> None:
    header = Dataset()
    header.StudyInstanceUID = "2.25.76000"
    made = written(content(header, Outcome.NO_RESULT, {}), header, references(study), tmp_path)
    assert [complaint for path in made for complaint in complaints(path, warnings=False)] == []


def test_dcm2pnm_shows_the_very_page(study, crops, tmp_path) -> None:
    header = header_of(study)
    page = content(header, Outcome.ACCEPTED, crops)
    picture = tmp_path / "report.ppm"
    assert said("dcm2pnm", written(page, header, references(study), tmp_path).page, picture) == ""
    with Image.open(picture) as shown:
        assert np.array_equal(np.asarray(shown), report_page.render(page))


def test_pixelmed_has_but_one_known_thing_to_say_of_the_template(study, tmp_path) -> None:
    header = header_of(study)
    said_of = content(header, Outcome.ACCEPTED, {}, revision=2, replaces=1)
    found = pixelmed(written(said_of, header, references(study), tmp_path).structured)
    assert "Found Root Template TID_1500 (MeasurementReport)" in found
    assert "Root Template Validation Complete" in found
    wrong = [line.replace('"', "") for line in found.splitlines() if line.startswith(("Error", "Warning"))]
    assert [EXPECTED_OF_PIXELMED in line for line in wrong] == [True]


def pixelmed(path: Path) -> str:
    """What the validator says; the JDK's limits are below what its templates need.

    It runs once, so the compiler that optimises most would cost three times what the work does.
    """
    assert PIXELMED.exists(), "PixelMed is missing: apt-get install pixelmed-apps"
    limits = [f"-Djdk.xml.xpath{kind}=0" for kind in ("TotalOpLimit", "ExprOpLimit", "ExprGrpLimit")]
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    validator = ["-cp", str(PIXELMED), "com.pixelmed.validate.DicomSRValidator", str(path)]
    command = [program("java"), *quick, *limits, *validator]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    return done.stdout + done.stderr
