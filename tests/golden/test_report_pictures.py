"""Report pages, as dcm2pnm draws them, look as they did when somebody last looked at them.

The three of ``docs/pictures`` are what the shipped model says of two simulated patients; the answers are kept in
``answers.json``, so that a page's look does not hang on a network's last digits.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from names import REGULAR
from peers import complaints, said
from PIL import Image
from studies import simulated

from core.maps import Maps
from core.phi import Phi
from core.pixels import RgbImage
from core.types import ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction, View, ViewPrediction
from dicom_node import layouts, report, report_text
from dicom_node.report_content import AboutModel, ReportContent
from dicom_node.report_header import Header
from models import artifact
from models.classifier import Classifier
from models.crop import CropInput

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "docs" / "pictures"
ANSWERS = HERE / "answers.json"
GOLDEN = {
    "accepted": PICTURES / "report_accepted.png",
    "needs_review": PICTURES / "report_needs_review.png",
    "no_result": PICTURES / "report_no_result.png",
    "withdrawn": HERE / "withdrawn.png",
    "older": HERE / "older.png",
}
STUDIES = {"accepted": 0, "needs_review": 5}
"""Simulated patients by what the shipped model makes of them."""
AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
LARGEST_DIFFERENCE, LARGEST_SHARE = 48, 0.002
"""Grey levels a sample may be off, and the share of samples that may be off further: other builds of FreeType
draw the edges of letters a little differently."""


def crops(index: int) -> dict[View, tuple[RgbImage, tuple[str, ...], Maps]]:
    """What is kept of a simulated patient's screens."""
    kept = {}
    for ds in simulated(index)[:3]:
        pixels = np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns, 3)
        found = layouts.recognise(pixels, layouts.shipped())
        crop = layouts.crop(pixels, found)
        panels = tuple(panel.name for panel in found.screen.panels)
        kept[found.view] = crop.pixels, panels, layouts.maps_of(crop, found.layout)
    return kept


def ask() -> None:
    """Write down what the shipped model says."""
    model = artifact.load(artifact.shipped())
    classifier = Classifier(model)
    answers: dict[str, object] = {
        "model": [model.identity.name, model.identity.version, model.identity.sha256],
        "card": {"kind": model.card.kind, "review_below": model.card.review_below},
    }
    for name, index in STUDIES.items():
        answer = classifier.predict({view: CropInput(kept[0], kept[2]) for view, kept in crops(index).items()})
        answers[name] = {
            "study": answer.probabilities.as_dict(),
            "views": {
                view.value: {"p": one.probabilities.as_dict(), "activation": one.activation.round(2).tolist()}
                for view, one in answer.views.items()
            },
        }
    text = json.dumps(answers, indent=1)
    ANSWERS.write_text(re.sub(r"\[\s+([\d.,\s]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n", "utf-8")


def content(name: str) -> ReportContent:
    """What the shipped model says of a simulated patient."""
    answers = json.loads(ANSWERS.read_text("utf-8"))
    status, said_of = Status(name), answers[name]
    kept = crops(STUDIES[name])
    views = {
        View(view): ViewPrediction(
            View(view), Probabilities(**one["p"]), (0.0, 0.0, 0.0), np.array(one["activation"], np.float32)
        )
        for view, one in said_of["views"].items()
    }
    return ReportContent(
        header=Header.of(simulated(STUDIES[name])[0]),
        revision=1,
        outcome=Outcome(name),
        created_at=AT,
        prediction=StudyPrediction(Probabilities(**said_of["study"]), status, views, 20.0),
        model=ModelIdentity(*answers["model"]),
        about_model=AboutModel.of(answers["card"]),
        crops={view: one[0] for view, one in kept.items()},
        panels={view: one[1] for view, one in kept.items()},
        maps={view: one[2] for view, one in kept.items()},
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
    accepted = content("accepted")
    nothing = replace(accepted, outcome=Outcome.NO_RESULT, prediction=None)
    plain = {view: replace(one, activation=np.zeros((0, 0, 3), np.float32)) for view, one in _views(accepted).items()}
    return {
        "accepted": accepted,
        "needs_review": content("needs_review"),
        "no_result": replace(
            nothing,
            crops={View.QPS: accepted.crops[View.QPS]},
            reason=Reason.INCOMPLETE,
            notes=("Missing: Stress QGS, Rest QGS.",),
        ),
        "withdrawn": replace(
            nothing,
            outcome=Outcome.QUARANTINED,
            reason=Reason.PATIENTS_DIFFER,
            crops={},
            revision=2,
            replaces=1,
            header=replace(accepted.header, patient_name=Phi(REGULAR["hebrew"].text)),
        ),
        "older": replace(
            accepted,
            prediction=replace(accepted.prediction, views=plain),
            about_model=AboutModel(),
            maps={},
            revision=2,
            replaces=1,
            show_patient=False,
        ),
    }


def _views(page: ReportContent) -> dict[View, ViewPrediction]:
    return dict(page.prediction.views)


@pytest.fixture(scope="module")
def _asked(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regenerate", default=False):
        ask()


@pytest.mark.usefixtures("_asked")
@pytest.mark.parametrize("name", GOLDEN)
def test_the_page_looks_as_it_did(name: str, regenerate: bool, tmp_path: Path) -> None:
    picture = drawn(pages()[name], tmp_path)
    if regenerate:
        picture.save(GOLDEN[name], optimize=True)
    with Image.open(GOLDEN[name]) as kept:
        before = np.asarray(kept.convert("RGB")).astype(int)
    after = np.asarray(picture).astype(int)
    assert after.shape == before.shape
    assert np.mean(np.abs(after - before) > LARGEST_DIFFERENCE) <= LARGEST_SHARE


def test_a_page_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    other = pages()["accepted"]
    other = replace(other, prediction=replace(other.prediction, probabilities=Probabilities(0.82, 0.11, 0.07)))
    after = np.asarray(drawn(other, tmp_path)).astype(int)
    with Image.open(GOLDEN["accepted"]) as kept:
        before = np.asarray(kept.convert("RGB")).astype(int)
    assert np.mean(np.abs(after - before) > LARGEST_DIFFERENCE) > LARGEST_SHARE


@pytest.mark.parametrize("key", REGULAR)
def test_a_page_draws_what_it_can_of_a_name_and_never_boxes(key: str) -> None:
    name = report_text.person_name(REGULAR[key].text, bold=True)
    assert name == REGULAR[key].shown
    assert name is None or report_text.drawable(name, bold=True)
