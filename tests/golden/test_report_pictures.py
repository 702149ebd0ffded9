"""Report pages, as dcm2pnm draws them, look as they did when somebody last looked at them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from names import REGULAR
from peers import complaints, said
from PIL import Image
from studies import simulated

from core.phi import Phi
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction, View, ViewPrediction
from dicom_node import layouts, report, report_text
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header

HERE = Path(__file__).parent
AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
LARGEST_DIFFERENCE, LARGEST_SHARE = 48, 0.002
"""Grey levels a sample may be off, and the share of samples that may be off further: other builds of FreeType
draw the edges of letters a little differently."""
SHARES = Probabilities(0.11, 0.82, 0.07)


def content(header: Header) -> ReportContent:
    """An answer that no model gave."""
    crops, panels = {}, {}
    for ds in simulated()[:3]:
        pixels = np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns, 3)
        found = layouts.recognise(pixels, layouts.shipped())
        crops[found.view] = layouts.crop(pixels, found).pixels
        panels[found.view] = tuple(panel.name for panel in found.screen.panels)
    views = {v: ViewPrediction(v, SHARES, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in View}
    return ReportContent(
        header=header,
        revision=1,
        outcome=Outcome.ACCEPTED,
        created_at=AT,
        prediction=StudyPrediction(SHARES, Status.ACCEPTED, views, 20.0),
        model=ModelIdentity("mobilenet-sim-1", "1", "0123456789abcdef" * 4),
        crops=crops,
        panels=panels,
    )


def drawn(page: ReportContent, folder: Path) -> Image.Image:
    """The page as DCMTK draws the report; AssertionError if dciodvfy finds an error."""
    made = report.build_secondary_capture(
        page,
        simulated()[0],
        (),
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=AT,
    )
    path, picture = folder / "report.dcm", folder / "report.ppm"
    path.write_bytes(report.to_bytes(made))
    assert complaints(path, warnings=False) == []
    assert said("dcm2pnm", path, picture) == ""
    with Image.open(picture) as image:
        return image.convert("RGB")


def pages() -> dict[str, ReportContent]:
    named = Header.of(simulated()[0])
    accepted = content(named)
    nothing = replace(accepted, outcome=Outcome.NO_RESULT, prediction=None)
    return {
        "accepted": accepted,
        "needs_review": replace(
            accepted,
            outcome=Outcome.NEEDS_REVIEW,
            header=replace(named, patient_name=Phi(REGULAR["hebrew"].text)),
        ),
        "no_result": replace(
            nothing,
            crops={View.QPS: accepted.crops[View.QPS]},
            reason=Reason.INCOMPLETE,
            notes=("Missing: Stress QGS, Rest QGS.",),
            header=replace(named, patient_name=Phi(REGULAR["japanese"].text)),
        ),
        "withdrawn": replace(
            nothing,
            outcome=Outcome.QUARANTINED,
            reason=Reason.PATIENTS_DIFFER,
            crops={},
            revision=2,
            replaces=1,
        ),
    }


@pytest.mark.parametrize("name", ["accepted", "needs_review", "no_result", "withdrawn"])
def test_the_page_looks_as_it_did(name: str, regenerate: bool, tmp_path: Path) -> None:
    picture, golden = drawn(pages()[name], tmp_path), HERE / f"{name}.png"
    if regenerate:
        picture.save(golden, optimize=True)
    with Image.open(golden) as kept:
        before = np.asarray(kept.convert("RGB")).astype(int)
    after = np.asarray(picture).astype(int)
    assert after.shape == before.shape
    assert np.mean(np.abs(after - before) > LARGEST_DIFFERENCE) <= LARGEST_SHARE


def test_a_page_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    other = pages()["accepted"]
    other = replace(other, prediction=replace(other.prediction, probabilities=Probabilities(0.82, 0.11, 0.07)))
    after = np.asarray(drawn(other, tmp_path)).astype(int)
    with Image.open(HERE / "accepted.png") as kept:
        before = np.asarray(kept.convert("RGB")).astype(int)
    assert np.mean(np.abs(after - before) > LARGEST_DIFFERENCE) > LARGEST_SHARE


@pytest.mark.parametrize("key", REGULAR)
def test_a_page_draws_what_it_can_of_a_name_and_never_boxes(key: str) -> None:
    name = report_text.person_name(REGULAR[key].text, bold=True)
    assert name == REGULAR[key].shown
    assert name is None or report_text.drawable(name, bold=True)
