"""Draws what a model says of a held-out, an augmented and a synthesized ischemia study, and the page that shows them.

    python tests/evidence/predictions.py --model ARTIFACT --held-out STUDIES [--synthesized DATASET]

STUDIES is a folder that ``perfuscope simulate`` wrote, of patients the model did not learn from: the first with
ischemia is taken, nobody chooses. DATASET is one that ``perfuscope dataset synthesize`` added to: the first synthesized
patient with ischemia is taken. Writes docs/predictions.md and docs/pictures/prediction_*.png.
"""

import argparse
import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core import DISCLAIMER
from core.maps import Maps
from core.pixels import RgbImage
from core.settings import Settings
from core.types import LABELS, REQUIRED_VIEWS, Label, Status, StudyPrediction, View
from dicom_node import report_text
from models import artifact, overlay
from models.classifier import Classifier
from models.crop import CropInput
from training.answers import Known, look
from training.gui import design
from training.gui.state import Tone

ROOT = Path(__file__).parents[2]
TURN_DEGREES, BRIGHTNESS = 15, 1.2
"""The ends of the ranges that the original project augmented within."""
SIDE, EDGE, HEAD, OPACITY = 300, 24, 96, 0.6

Crops = Mapping[View, CropInput]


@dataclass(frozen=True)
class Shown:
    """One study of the page."""

    name: str
    about: str
    truth: Label
    said: StudyPrediction
    crops: Crops
    each_map: bool
    """Whether an activation map explains each polar map, not the crop."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", default=None, help="an artifact's folder or name; default: the shipped one")
    asked.add_argument("--held-out", type=Path, required=True, help="a folder of simulated studies with truth.csv")
    asked.add_argument("--synthesized", type=Path, help="a data set with synthesized patients")
    asked.add_argument("--out", type=Path, default=ROOT / "docs", help="where page and pictures go")
    given = asked.parse_args()
    classifier = Classifier(artifact.load(artifact.find(given.model) if given.model else artifact.shipped()))
    patient, held_out = of_study(given.held_out)
    studies = [
        ("held_out", f"Held out: simulated patient {patient}, whom the model did not learn from.", held_out),
        (
            "augmented",
            f"The same, each map turned by {TURN_DEGREES} degrees and {BRIGHTNESS - 1:.0%} brighter.",
            {view: augmented(crop) for view, crop in held_out.items()},
        ),
    ]
    if given.synthesized:
        patient, crops = of_dataset(given.synthesized)
        studies.append(("synthesized", f"Synthesized: {patient}, a defect put into a normal patient's maps.", crops))
    each_map = classifier.card.kind == "study"
    shown = [
        Shown(name, about, Label.ISCHEMIA, classifier.predict(crops), crops, each_map) for name, about, crops in studies
    ]
    for one in shown:
        draw(one).save(given.out / "pictures" / f"prediction_{one.name}.png", optimize=True)
    (given.out / "predictions.md").write_text(page(shown, classifier), encoding="utf-8")


def of_study(folder: Path) -> tuple[str, dict[View, CropInput]]:
    """The first patient with ischemia in a simulated cohort, and the crops of the three views."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        patient = next(row["patient_id"] for row in csv.DictReader(file) if row["label"] == Label.ISCHEMIA)
    known = Known.of(Settings())
    seen = (look(folder / patient / f"{view.value}.dcm", known) for view in REQUIRED_VIEWS)
    return patient, {one.view: one.crop for one in seen}


def of_dataset(folder: Path) -> tuple[str, dict[View, CropInput]]:
    """The first synthesized patient with ischemia in a data set, and its crops."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    patient = next(
        one
        for one in manifest["patients"]
        if one["provenance"]["kind"] == "synthesized" and one["label"] == Label.ISCHEMIA
    )
    crops = {}
    for view in REQUIRED_VIEWS:
        kept = patient["views"][view.value]["crop"]
        with Image.open(folder / kept["file"]) as opened:
            crops[view] = CropInput(np.asarray(opened.convert("RGB")), Maps.of_json(kept["maps"]))
    return patient["id"], crops


def augmented(crop: CropInput) -> CropInput:
    """Each map turned about its own middle and made brighter; what lies outside the maps stays black."""
    assert crop.maps is not None
    whole = np.zeros_like(crop.pixels)
    for column, row, radius in crop.maps.circles.values():
        box = np.s_[row - radius : row + radius, column - radius : column + radius]
        turned = Image.fromarray(crop.pixels[box]).rotate(TURN_DEGREES, Image.Resampling.BILINEAR)
        whole[box] = np.minimum(255, np.asarray(turned) * BRIGHTNESS)
    return CropInput(whole, crop.maps)


def draw(one: Shown) -> Image.Image:
    """The three views in a row, above without and below with the overlay of the true label, and what is said."""
    width = len(REQUIRED_VIEWS) * (SIDE + EDGE) + EDGE
    sheet = Image.new("RGB", (width, HEAD + 2 * (SIDE + EDGE) + 2 * EDGE), design.GROUND)
    pen = ImageDraw.Draw(sheet)
    headline, tone = verdict(one.said)
    pen.text((EDGE, 16), headline, fill=design.TONES[tone], font=font(26, bold=True))
    pen.text((EDGE, 52), probabilities(one.said), fill=design.INK, font=font(16))
    for place, view in enumerate(REQUIRED_VIEWS):
        left = EDGE + place * (SIDE + EDGE)
        pen.text((left, HEAD - 4), view.caption, fill=design.SOFT, font=font(14))
        plain, under = both(one, view)
        sheet.paste(Image.fromarray(plain), (left, HEAD + EDGE))
        sheet.paste(Image.fromarray(under), (left, HEAD + SIDE + 2 * EDGE))
    pen.text((EDGE, sheet.height - EDGE), DISCLAIMER + " Simulated images.", fill=design.CAUTION, font=font(13))
    return sheet


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    return report_text.font(size, bold=bold)


def both(one: Shown, view: View) -> tuple[RgbImage, RgbImage]:
    crop = one.crops[view]
    picture = overlay.resized(crop.pixels, SIDE)
    activation = one.said.views[view].activation[..., LABELS.index(one.truth)]
    heat = overlay.enlarged(activation, SIDE)
    if one.each_map and crop.maps is not None:
        heat = overlay.on_each(activation, crop.maps.circles, SIDE, of=len(crop.pixels))
    return picture, overlay.laid_over(picture, heat, OPACITY)


def verdict(said: StudyPrediction) -> tuple[str, Tone]:
    if said.status is Status.REFUSED:
        return "Refused", Tone.REFUSED
    if said.status is Status.NEEDS_REVIEW:
        return "Needs review", Tone.REVIEW
    return said.label.value.capitalize(), Tone(said.label.value)


def probabilities(said: StudyPrediction) -> str:
    """The three probabilities; none where the study was refused."""
    if said.status is Status.REFUSED:
        return f"unlike what the model was trained on: {said.novelty.sentence if said.novelty else ''}"
    return "   ".join(f"{label.value} {said.probabilities[label]:.1%}" for label in LABELS)


def page(shown: list[Shown], classifier: Classifier) -> str:
    model = classifier.identity
    head = f"""# Predictions on single studies

**{classifier.card.statement}** Written by `python tests/evidence/predictions.py`;
nobody chose the patients.

Model {model.name} {model.version}, SHA-256 `{model.sha256}`. Above what is kept of each screen, below where the model
looked for ischemia (Grad-CAM: green; the line goes round half the peak; each picture is scaled by itself). Every study
is ischemia by the simulator. A few studies prove nothing: the figures on many are in the [card](model-card.md).

| Study | Truth | Said | Probabilities |
|---|---|---|---|"""
    lines = [head]
    lines += [
        f"| {s.name.replace('_', ' ')} | {s.truth} | {verdict(s.said)[0]} | {probabilities(s.said)} |" for s in shown
    ]
    for s in shown:
        lines += ["", f"## {s.name.replace('_', ' ').capitalize()}", "", s.about, ""]
        lines += [f"![{s.about}](pictures/prediction_{s.name}.png)"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
