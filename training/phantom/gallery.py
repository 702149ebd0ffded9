"""Simulated patients beside each other: the pictures of docs/simulation.md.

``python -m training.phantom.gallery docs/pictures`` draws them again; research use only, not for diagnosis.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from core.pixels import RgbImage
from core.types import Label, View
from training.phantom import pages
from training.phantom.acquisition import Acquisition
from training.phantom.cuts import cuts
from training.phantom.disease import Territory
from training.phantom.examination import Examination, examine, examined
from training.phantom.lettering import DIM, LIGHT, WHITE, Canvas
from training.phantom.palette import TEAL, Scale
from training.phantom.panels import MapStyle, paint_map, paint_slice
from training.phantom.polar import PolarMap
from training.phantom.population import CLEAR, DEFAULT
from training.phantom.screens import qgs_maps, qps_maps
from training.phantom.subject import Subject, draw_subject

SEED = 2026
_RADIUS = 62
_CELL = 148
_LEFT, _TOP, _ROW = 170, 46, 176
_SHOWN = ("stress", "rest", "difference", "motion", "thickening")
_HEADINGS = ("Stress", "Rest", "Reversibility", "Motion, stress", "Thickening, stress", "SA mid, stress", "VLA, stress")
Row = tuple[str, Examination]


def draw(rows: Sequence[Row], *, scale: Scale = TEAL) -> RgbImage:
    """A row a patient: five polar maps and two slices of the stress image, and what was simulated."""
    pixels = np.zeros((_TOP + _ROW * len(rows), _LEFT + _CELL * len(_HEADINGS), 3), np.uint8)
    style = MapStyle(radius_px=_RADIUS, ring_px=_RADIUS + 2, ring_colour=(112, 112, 112), scale=scale)
    for row, (_, shown) in enumerate(rows):
        top = _TOP + row * _ROW
        for column, values in enumerate(_maps(shown)):
            middle = _LEFT + column * _CELL + _CELL // 2, top + _CELL // 2
            paint_map(pixels, values, centre=middle, style=style)
        scan = shown.stress.scan
        slices = cuts(shown.ventricle, scan.ungated / shown.stress.peak_counts, scan.acquisition)
        for column, one in enumerate((slices[1], slices[4]), start=len(_SHOWN)):
            left = _LEFT + column * _CELL + 8
            paint_slice(pixels, one, box=(left, top + 8, left + _CELL - 16, top + _CELL - 8), scale=scale)
    return _lettered(pixels, rows)


def _maps(shown: Examination) -> list[PolarMap]:
    maps = qps_maps(shown) | qgs_maps(shown.stress)
    return [maps[name] for name in _SHOWN]


def _lettered(pixels: RgbImage, rows: Sequence[Row]) -> RgbImage:
    canvas = Canvas(pixels)
    for column, words in enumerate(_HEADINGS):
        canvas.text((_LEFT + column * _CELL + _CELL / 2, 14), words, size=14, colour=LIGHT, anchor="ma")
    for row, (words, shown) in enumerate(rows):
        y = _TOP + row * _ROW
        for k, line in enumerate(words.split("\n")):
            canvas.text((12, y + 18 + 20 * k), line, size=15, colour=WHITE)
        for k, line in enumerate(_measured(shown)):
            canvas.text((12, y + 78 + 18 * k), line, size=12, colour=DIM)
    return canvas.pixels()


def _measured(shown: Examination) -> tuple[str, ...]:
    stress, rest = shown.stress, shown.rest
    return (
        f"TPD {stress.tpd_percent:.1f} / {rest.tpd_percent:.1f} %",
        f"EF {stress.gated.ef_percent:.0f} / {rest.gated.ef_percent:.0f} %",
        f"label {shown.label.value}",
    )


def classes() -> list[Row]:
    """Clear-cut patients of each class, and what makes them hard in the default population."""
    rows = [(f"{label.value.title()},\nclear-cut", examine(SEED, 1, label=label, population=CLEAR)) for label in Label]
    rows += [(words, examined(_first(label, wanted))) for words, label, wanted in _HARD]
    return rows


def artefacts() -> list[Row]:
    """One healthy patient, undisturbed and with each disturbance."""
    healthy = draw_subject(SEED, 3, label=Label.NORMAL, population=CLEAR)
    return [(words, examined(_stressed(healthy, **changes))) for words, changes in _DISTURBED]


def _stressed(subject: Subject, **changes: object) -> Subject:
    """The subject with another stress acquisition."""
    stress, rest = subject.acquisitions
    taken: Acquisition = replace(stress, **changes)  # type: ignore[arg-type]  # names and types are those of _DISTURBED
    return replace(subject, acquisitions=(taken, rest))


def _first(label: Label, wanted: str) -> Subject:
    """The first patient of the default population who is as wanted."""
    subjects = (draw_subject(SEED, index, label=label) for index in range(100_000))
    return next(s for s in subjects if s.true_label is label and _is(s, wanted) and _undisturbed(s))


def _is(subject: Subject, wanted: str) -> bool:
    first = subject.defects[0]
    if wanted == "balanced":
        return len(subject.defects) == len(Territory)
    large = first.half_radial > 0.28 and len(subject.defects) == 1
    left = first.depth_rest / first.depth_stress
    disease = DEFAULT.disease
    return {
        "mild": large and disease.mild_depth[0] + 0.06 < first.depth_stress < disease.depth[0],
        "partial": large and 0.4 < left < 0.6 and first.depth_stress > 0.5,
        "small": first.half_radial < 0.2 and first.depth_stress > 0.45,
        "shallow": large and first.transmural < 0.8,
    }[wanted]


def _undisturbed(subject: Subject) -> bool:
    return all(
        taken.moved_share == 0 and taken.misregistered == 0 and taken.gut < 0.8 and taken.counts > 60
        for taken in subject.acquisitions
    )


_HARD = (
    ("Ischemia,\nmild", Label.ISCHEMIA, "mild"),
    ("Ischemia, partly\nreversible", Label.ISCHEMIA, "partial"),
    ("Ischemia,\nsmall", Label.ISCHEMIA, "small"),
    ("Ischemia,\nbalanced", Label.ISCHEMIA, "balanced"),
    ("Infarction,\nnot transmural", Label.INFARCTION, "shallow"),
)
_DISTURBED: tuple[tuple[str, dict[str, object]], ...] = (
    ("Healthy,\nundisturbed", {}),
    ("Breast at stress,\nelsewhere at rest", {"breast": 0.3, "breast_degrees": 110.0}),
    ("Diaphragm\nat stress", {"diaphragm": 0.3}),
    ("Attenuation map\nmisplaced", {"misregistered": 0.22}),
    ("Moved by 14 mm\nhalf-way", {"motion_mm": 14.0, "moved_share": 0.5}),
    ("Hot gut beside\nthe inferior wall", {"gut": 2.0, "gut_mm": (0.0, -50.0, 5.0), "liver": 0.6}),
    ("A quarter of\nthe counts", {"counts": 35.0}),
)


def screens() -> RgbImage:
    """The QPS screen of one patient on every page, at 2/5 of its size."""
    shown = examine(SEED, 1, label=Label.ISCHEMIA, population=CLEAR)
    drawn = [Image.fromarray(page.draw(View.QPS, shown)) for page in pages.PAGES.values()]
    small = [
        picture.resize((picture.width * 2 // 5, picture.height * 2 // 5), Image.Resampling.LANCZOS) for picture in drawn
    ]
    widths = [small[0].width, max(picture.width for picture in small[2:])]
    sheet = Image.new("RGB", (sum(widths) + 8, 2 * small[0].height + 8))
    for k, picture in enumerate(small):
        sheet.paste(picture, ((widths[0] + 8) * (k // 2), (small[0].height + 8) * (k % 2)))
    return np.asarray(sheet)


def main(out: Path) -> None:
    """Write simulated_classes.png, simulated_artefacts.png and simulated_pages.png into ``out``."""
    for name, pixels in (("classes", draw(classes())), ("artefacts", draw(artefacts())), ("pages", screens())):
        Image.fromarray(pixels).save(out / f"simulated_{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
