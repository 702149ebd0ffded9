"""Another program's page of the same three screens: 1024 by 1024, texts in a strip at the top and one at the bottom.

``STYLE`` draws it in the palette of ``screens``, ``RAINBOW_STYLE`` in another; size, places, radius and ring differ.
What is the same for every patient is drawn once a process; ``TITLE_BOX`` holds the title and nothing else.
"""

from functools import lru_cache

import numpy as np

from core.pixels import RgbImage
from core.types import View
from training.phantom.cuts import NAMES, cuts
from training.phantom.examination import Examination, Quantified
from training.phantom.identity import Identity
from training.phantom.lettering import AMBER, DIM, LIGHT, WHITE, Canvas, paint_scale
from training.phantom.palette import RAINBOW
from training.phantom.panels import Floats, MapStyle, Shape, paint_map, paint_slice, paint_surface
from training.phantom.polar import PolarMap
from training.phantom.rightcolumn import gated_rows, perfusion_rows
from training.phantom.screens import CAPTIONS, qgs_maps, qps_maps

Box = tuple[int, int, int, int]

SIDE = 1024
STYLE = MapStyle(radius_px=128, ring_px=131, ring_colour=(168, 184, 200))
RAINBOW_STYLE = MapStyle(radius_px=120, ring_px=123, ring_colour=(140, 140, 140), scale=RAINBOW)
TITLES = {View.QPS: "PERFUSION", View.STRESS_QGS: "STRESS GATED", View.REST_QGS: "REST GATED"}
TITLE_BOX: Box = (12, 66, 340, 106)
TOP_STRIP: Box = (0, 0, SIDE, 60)
BOTTOM_STRIP: Box = (0, 972, SIDE, SIDE)
QPS_MAPS = {"stress": (168, 262), "rest": (512, 262), "difference": (856, 262)}
QGS_MAPS = {"perfusion_ed": (566, 256), "perfusion_es": (866, 256), "motion": (566, 556), "thickening": (866, 556)}

_STRIP_COLOUR = (26, 34, 52)
_QPS_SURFACES = {name: (x - 110, 420, x + 110, 620) for name, (x, _) in QPS_MAPS.items()}
_QGS_SURFACES: dict[str, Box] = {"ed": (12, 130, 202, 310), "es": (212, 130, 402, 310)}
_SLICE_PX = 114
_SLICES_LEFT, _SLICES_PITCH = 84, 118
_SLICES_TOP = (726, 850)


def draw(view: View, examination: Examination, *, style: MapStyle = STYLE) -> RgbImage:
    """One page of an examination, shape (1024, 1024, 3)."""
    pixels = _frame(view, style).copy()
    if view is View.QPS:
        _paint_qps(pixels, examination, style)
    else:
        _paint_qgs(pixels, examination, _of(view, examination), style=style)
    canvas = Canvas(pixels)
    _write_strips(canvas, examination.identity)
    if view is View.QPS:
        for y, name, quantified in ((640, "STRESS", examination.stress), (806, "REST", examination.rest)):
            rows = [("Study", name), *perfusion_rows(name, examination, quantified)[3:9]]
            canvas.fields((714, y), rows, pitch=21)
    else:
        name = "STRESS" if view is View.STRESS_QGS else "REST"
        canvas.fields((20, 360), gated_rows(name, examination, _of(view, examination))[3:], pitch=24)
    return canvas.pixels()


def _of(view: View, examination: Examination) -> Quantified:
    return examination.stress if view is View.STRESS_QGS else examination.rest


def _paint_qps(pixels: RgbImage, examination: Examination, style: MapStyle) -> None:
    maps = qps_maps(examination)
    _paint_maps(pixels, maps, QPS_MAPS, style=style)
    shape = Shape.of(examination.ventricle, inwards_mm=examination.ventricle.motion_mm / 2)
    for name, box in _QPS_SURFACES.items():
        paint_surface(pixels, maps[name], shape=shape, box=box, mm_per_px=0.5, scale=style.scale)
    for row, quantified in enumerate((examination.stress, examination.rest)):
        volume = quantified.scan.ungated / quantified.peak_counts
        _paint_row(pixels, examination, volume, quantified, row=row, style=style)


def _paint_qgs(pixels: RgbImage, examination: Examination, quantified: Quantified, *, style: MapStyle) -> None:
    _paint_maps(pixels, qgs_maps(quantified), QGS_MAPS, style=style)
    gated, scan = quantified.gated, quantified.scan
    diastole = Shape.of(examination.ventricle)
    systole = Shape.of(examination.ventricle, inwards_mm=float(np.clip(gated.motion_mm.mean(), 0, 12)))
    for gate, values, shape in (("ed", gated.perfusion_ed, diastole), ("es", gated.perfusion_es, systole)):
        paint_surface(pixels, values, shape=shape, box=_QGS_SURFACES[gate], mm_per_px=0.58, scale=style.scale)
    gates = (scan.end_diastole / gated.counts_ed, scan.end_systole / gated.counts_es)
    for row, volume in enumerate(gates):
        _paint_row(pixels, examination, volume, quantified, row=row, style=style)


def _paint_maps(
    pixels: RgbImage, maps: dict[str, PolarMap], places: dict[str, tuple[int, int]], *, style: MapStyle
) -> None:
    for name, values in maps.items():
        paint_map(pixels, values, centre=places[name], style=style)


def _paint_row(
    pixels: RgbImage,
    examination: Examination,
    volume: Floats,
    quantified: Quantified,
    *,
    row: int,
    style: MapStyle,
) -> None:
    for column, cut in enumerate(cuts(examination.ventricle, volume, quantified.scan.acquisition)):
        paint_slice(pixels, cut, box=_slice_box(row, column), scale=style.scale)


def _slice_box(row: int, column: int) -> Box:
    left, top = _SLICES_LEFT + column * _SLICES_PITCH, _SLICES_TOP[row]
    return left, top, left + _SLICE_PX, top + _SLICE_PX


def _write_strips(canvas: Canvas, identity: Identity) -> None:
    """Everything that names the patient, and when; nothing of it stands elsewhere."""
    canvas.text((10, 5), identity.name, size=20, colour=AMBER)
    canvas.text((10, 34), f"ID {identity.patient_id}", size=15)
    born = f"Born {identity.birth_date:%Y-%m-%d}   Sex {identity.sex}   Age {identity.age_years}"
    canvas.text((SIDE - 10, 8), born, size=15, colour=WHITE, anchor="ra")
    canvas.text((SIDE - 10, 34), f"Acc {identity.accession_number}", size=15, colour=WHITE, anchor="ra")
    canvas.text((SIDE - 10, 980), f"{identity.study_at:%Y-%m-%d %H:%M}", size=15, colour=WHITE, anchor="ra")


@lru_cache(maxsize=2 * len(View))
def _frame(view: View, style: MapStyle) -> RgbImage:
    """What a page shows before a patient is loaded."""
    pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    for left, top, right, bottom in (TOP_STRIP, BOTTOM_STRIP):
        pixels[top:bottom, left:right] = _STRIP_COLOUR
    paint_scale(pixels, box=(380, 82, 560, 94), scale=style.scale)
    canvas = Canvas(pixels)
    canvas.text((16, 68), TITLES[view], size=30, colour=LIGHT)
    canvas.text((570, 80), "0 - 100 %", size=13, colour=DIM)
    canvas.text((10, 978), "Perfuscope Simulator, page with strips: simulated patient", size=14, colour=LIGHT)
    canvas.text((10, 1000), "Research use only, not for diagnosis.", size=14, colour=LIGHT)
    for name, (x, y) in (QPS_MAPS if view is View.QPS else QGS_MAPS).items():
        canvas.text((x, y - style.ring_px - 10), CAPTIONS[name], size=14, colour=LIGHT, anchor="mm")
    _frame_slices(canvas, ("Stress", "Rest") if view is View.QPS else ("ED", "ES"))
    return canvas.pixels()


def _frame_slices(canvas: Canvas, names: tuple[str, str]) -> None:
    for row, name in enumerate(names):
        canvas.text((10, _SLICES_TOP[row] + _SLICE_PX / 2), name, size=15, colour=LIGHT, anchor="lm")
    for column, name in enumerate(NAMES):
        left, top, right, _ = _slice_box(0, column)
        canvas.text(((left + right) / 2, top - 12), name, size=13, colour=DIM, anchor="mm")
        for row in range(2):
            canvas.box(_slice_box(row, column))


__all__ = [
    "BOTTOM_STRIP",
    "QGS_MAPS",
    "QPS_MAPS",
    "RAINBOW_STYLE",
    "SIDE",
    "STYLE",
    "TITLES",
    "TITLE_BOX",
    "TOP_STRIP",
    "draw",
]
