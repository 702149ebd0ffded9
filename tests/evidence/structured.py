"""PixelMed's validator over a structured report of every outcome, class and character set: 20 s each."""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from names import REGULAR, header_of
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from core.phi import Phi
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction
from dicom_node import report, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header

AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
SOURCES = [SourceReference(SecondaryCaptureImageStorage, Phi(f"2.25.1{n}"), Phi(f"2.25.{n}")) for n in (1, 2, 3)]
KNOWN = "(252432008,SCT,Radionuclide myocardial perfusion study) not found in context group 100"
LIMITS = [f"-Djdk.xml.xpath{kind}=0" for kind in ("TotalOpLimit", "ExprOpLimit", "ExprGrpLimit")]
JAR = "/usr/share/java/pixelmed.jar"


def run() -> dict[str, Any]:
    """How many documents, how many got through to the end, and every complaint with how often it came."""
    complaints: Counter[str] = Counter()
    documents = complete = 0
    with tempfile.TemporaryDirectory() as folder:
        for made in _documents():
            path = Path(folder) / "document.dcm"
            path.write_bytes(report.to_bytes(made))
            said = _pixelmed(path)
            documents += 1
            complete += "Root Template Validation Complete" in said
            wrong = [line.replace('"', "") for line in said.splitlines() if line.startswith(("Error", "Warning"))]
            complaints.update("known" if KNOWN in line else line for line in wrong)
    return {"documents": documents, "complete": complete, "complaints": dict(complaints)}


def page(step: dict[str, Any]) -> list[str]:
    """The section of docs/evidence.md."""
    others = {line: n for line, n in step["complaints"].items() if line != "known"}
    lines = ["## Structured reports before PixelMed's validator", ""]
    lines += [f"{step['at']}: {step['documents']} structured reports, of every outcome, class and character set; "]
    lines += [f"{step['complete']} validated to the end against TID 1500. The one known complaint, that the code of "]
    lines += [f"the procedure is not among the general ones of CID 100: {step['complaints'].get('known', 0)} times. "]
    lines += [f"Others: {sum(others.values())}."]
    return [*lines, *(f"- {n} times: {line}" for line, n in others.items()), ""]


def _documents() -> Iterator[Dataset]:
    result = ReportContent(
        header=Header(),
        revision=1,
        outcome=Outcome.ACCEPTED,
        created_at=AT,
        prediction=StudyPrediction(Probabilities(0.1, 0.8, 0.1), Status.ACCEPTED, {}, 20.0),
        model=ModelIdentity("evidence", "1.0.0", "0123456789abcdef" * 4),
    )
    review = replace(result, outcome=Outcome.NEEDS_REVIEW)
    nothing = replace(result, outcome=Outcome.NO_RESULT, reason=Reason.INCOMPLETE, revision=2, replaces=1)
    for said in (result, review, nothing):
        yield _structured(said, header_of("latin_1"))
    for sr_class in structured_report.SOP_CLASSES:
        yield _structured(result, header_of("ascii"), sr_class=sr_class)
    for key in REGULAR:
        yield _structured(result, header_of(key))


def _structured(said: ReportContent, header: Dataset, **others: Any) -> Dataset:
    before = SOURCES[:1] if said.replaces else ()
    return structured_report.build_structured_report(
        said,
        header,
        SOURCES,
        page=None,
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=AT,
        predecessors=before,
        **others,
    )


def _pixelmed(path: Path) -> str:
    command = ["java", *LIMITS, "-cp", JAR, "com.pixelmed.validate.DicomSRValidator", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr
