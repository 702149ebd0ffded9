"""Structured reports, as dsrdump prints them, say what they said when somebody last read them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from names import REGULAR, header_of
from peers import said
from pydicom import Dataset
from studies import simulated

from core.phi import Phi
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction
from dicom_node import report, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header

TEXTS = Path(__file__).parent / "structured"
AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
RESULT = ReportContent(
    header=Header(),
    revision=1,
    outcome=Outcome.ACCEPTED,
    created_at=AT,
    prediction=StudyPrediction(Probabilities(0.03, 0.9, 0.07), Status.ACCEPTED, {}, 20.0),
    model=ModelIdentity("study-sim-1", "1.0.0", "0123456789abcdef" * 4),
)
SAID = {
    "accepted": RESULT,
    "needs_review": replace(
        RESULT,
        outcome=Outcome.NEEDS_REVIEW,
        prediction=StudyPrediction(Probabilities(0.1, 0.5, 0.4), Status.NEEDS_REVIEW, {}, 20.0),
    ),
    "no_result": replace(
        RESULT,
        outcome=Outcome.NO_RESULT,
        prediction=None,
        reason=Reason.INCOMPLETE,
        notes=("Missing: Stress QGS, Rest QGS.",),
    ),
    "withdrawn": replace(
        RESULT,
        outcome=Outcome.QUARANTINED,
        prediction=None,
        reason=Reason.PATIENTS_DIFFER,
        revision=2,
        replaces=1,
    ),
}
SOURCES = [SourceReference("1.2.840.10008.5.1.4.1.1.7", Phi(f"2.25.1{n}"), Phi(f"2.25.{n}")) for n in (1, 2, 3)]
BEFORE = [SourceReference("1.2.840.10008.5.1.4.1.1.88.34", Phi("2.25.8"), Phi("2.25.9"))]


def dumped(said_of: ReportContent, header: Dataset, folder: Path) -> str:
    """The report as text: long values whole, every code, the software's own UID left out. Bytes as Latin-1."""
    made = structured_report.build_structured_report(
        said_of,
        header,
        SOURCES,
        page=None,
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=AT,
        predecessors=BEFORE if said_of.replaces else (),
    )
    path = folder / "structured.dcm"
    path.write_bytes(report.to_bytes(made))
    text = said("dsrdump", "--quiet", "--print-long-values", "--print-all-codes", "--print-instance-uid", path)
    return re.sub(r'(Device Observer UID"\)=")[\d.]+', r"\1...", text)


def compare(name: str, text: str, *, regenerate: bool) -> None:
    path = TEXTS / f"{name}.txt"
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    assert path.read_bytes().decode("latin-1") == text


@pytest.mark.parametrize("name", SAID)
def test_it_says_what_it_said(name: str, regenerate: bool, tmp_path: Path) -> None:
    compare(name, dumped(SAID[name], simulated()[0], tmp_path), regenerate=regenerate)


@pytest.mark.parametrize("key", REGULAR)
def test_a_name_of_every_character_set_is_in_it_as_it_was_sent(key: str, regenerate: bool, tmp_path: Path) -> None:
    text = dumped(SAID["no_result"], header_of(key), tmp_path)
    assert REGULAR[key].value.decode("latin-1") in text
    compare(f"name_{key}", text, regenerate=regenerate)
