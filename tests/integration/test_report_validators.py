"""Reports before other people's eyes: dciodvfy, dcentvfy (dicom3tools) and dcm2pnm (DCMTK)."""

import shutil
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from core.phi import Phi
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction, View, ViewPrediction
from dicom_node import layouts, report, report_page
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header
from training.phantom import cohort
from training.phantom.dicom import write_study

_CREATED_AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
_MODEL = ModelIdentity("mobilenet-sim-1", "1.0.0", "0123456789abcdef" * 4)


def _run(tool: str, *arguments: Path | str) -> str:
    """What the tool says on stdout and stderr."""
    found = shutil.which(tool)
    if found is None:
        pytest.fail(f"{tool} is missing: apt-get install dicom3tools dcmtk", pytrace=False)
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def _complaints(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith(("Error", "Warning"))]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_study(cohort.simulate(11, 3), tmp_path_factory.mktemp("study"))


def _header(study: list[Path]) -> Dataset:
    return dcmread(next(path for path in study if path.stem == "qps"), stop_before_pixels=True)


def _crops(study: list[Path]) -> dict[View, np.ndarray]:
    crops = {}
    for path in study:
        if path.stem in set(View):
            pixels = dcmread(path).pixel_array
            crops[View(path.stem)] = layouts.crop(pixels, layouts.recognise(pixels, layouts.shipped())).pixels
    return crops


def _content(study: list[Path], header: Dataset, outcome: Outcome) -> ReportContent:
    shares = Probabilities(0.1, 0.8, 0.1)
    views = {v: ViewPrediction(v, shares, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in View}
    return ReportContent(
        header=Header.of(header),
        revision=1,
        outcome=outcome,
        created_at=_CREATED_AT,
        prediction=StudyPrediction(shares, Status.ACCEPTED, views, 20.0),
        reason=Reason.INCOMPLETE if outcome is Outcome.NO_RESULT else None,
        model=_MODEL,
        crops=_crops(study),
    )


def _references(study: list[Path]) -> list[report.SourceReference]:
    headers = [dcmread(path, stop_before_pixels=True) for path in study]
    return [report.SourceReference(h.SOPClassUID, Phi(h.SOPInstanceUID), Phi(h.SeriesInstanceUID)) for h in headers]


def _written(content: ReportContent, header: Dataset, study: list[Path], folder: Path) -> Path:
    made = report.build_secondary_capture(
        content,
        header,
        _references(study),
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=_CREATED_AT,
    )
    path = folder / "report.dcm"
    path.write_bytes(report.to_bytes(made))
    return path


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.NEEDS_REVIEW, Outcome.NO_RESULT])
def test_dciodvfy_finds_neither_error_nor_warning(outcome: Outcome, study: list[Path], tmp_path: Path) -> None:
    header = _header(study)
    said = _run("dciodvfy", _written(_content(study, header, outcome), header, study, tmp_path))
    assert "SCImage" in said
    assert _complaints(said) == []


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "PRÜFFALL^Jörg"),
        ("ISO_IR 192", "ФАНТОМ^ЁЛКА"),
        (["", "ISO 2022 IR 87"], "Kakuu^Kanja=架空^患者=かくう^かんじゃ"),
        (["", "ISO 2022 IR 149"], "Gasang^Hwanja=假想^患者=가상^환자"),
    ],
)
def test_dciodvfy_takes_every_character_set(
    charset: str | list[str], name: str, study: list[Path], tmp_path: Path
) -> None:
    header = _header(study)
    header.SpecificCharacterSet = charset
    header.PatientName = name
    buffer = BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    header = dcmread(BytesIO(buffer.getvalue()))
    said = _run("dciodvfy", _written(_content(study, header, Outcome.ACCEPTED), header, study, tmp_path))
    assert _complaints(said) == []


def test_a_report_without_any_patient_has_no_error(study: list[Path], tmp_path: Path) -> None:
    header = Dataset()
    header.StudyInstanceUID = "2.25.77000"
    said = _run("dciodvfy", _written(_content(study, header, Outcome.NO_RESULT), header, study, tmp_path))
    assert [line for line in _complaints(said) if line.startswith("Error")] == []


def test_dcentvfy_finds_report_and_sources_to_be_one_patient_and_study(study: list[Path], tmp_path: Path) -> None:
    header = _header(study)
    said = _run("dcentvfy", _written(_content(study, header, Outcome.ACCEPTED), header, study, tmp_path), *study)
    left_out = "Attribute present in one instance but not the other"  # the report repeats no optional attributes
    assert [line for line in _complaints(said) if left_out not in line] == []


def test_dcm2pnm_shows_the_very_page(study: list[Path], tmp_path: Path) -> None:
    header = _header(study)
    content = _content(study, header, Outcome.ACCEPTED)
    picture = tmp_path / "report.ppm"
    said = _run("dcm2pnm", _written(content, header, study, tmp_path), picture)
    assert said == ""
    with Image.open(picture) as shown:
        assert np.array_equal(np.asarray(shown), report_page.render(content))
