"""The three workstation screens: QPS, Stress QGS and Rest QGS, each 1280 columns by 1024 rows.

Left: slices. Middle: polar maps and surfaces. Right: identity, measurements and scores. What is the same for every
patient is drawn once a process; the title's box (columns 330-640, rows 945-1010) holds nothing else.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.pixels import RgbImage
from core.types import View
from training.phantom.cuts import NAMES as SLICE_NAMES
from training.phantom.cuts import cuts
from training.phantom.examination import Examination, Quantified
from training.phantom.lettering import DIM, LIGHT, LINE, Canvas, draw_segments, paint_scale
from training.phantom.palette import HOT
from training.phantom.panels import GREY_RINGS, MapStyle, Shape, paint_map, paint_slice, paint_surface
from training.phantom.polar import PolarMap
from training.phantom.rightcolumn import HEADINGS, SCORES_AT, SCORES_RADIUS, write_qgs, write_qps

Floats = NDArray[np.float64]
Box = tuple[int, int, int, int]

ROWS, COLUMNS = 1024, 1280
HOT_STYLE = MapStyle(radius_px=140, ring_px=143, ring_colour=(128, 128, 128), scale=HOT)
"""Another program's maps on the same page: a little smaller, a lighter and wider ring, another colour scale."""
TITLES = {View.QPS: "QPS", View.STRESS_QGS: "STRESS QGS", View.REST_QGS: "REST QGS"}
TITLE_BOX: Box = (330, 945, 640, 1010)
QPS_MAPS = {"stress": (507, 150), "rest": (507, 465), "difference": (507, 777)}
QGS_MAPS = {"perfusion_ed": (485, 465), "perfusion_es": (795, 465), "motion": (485, 775), "thickening": (795, 775)}
IDENTITY_BOX: Box = (960, 0, 1280, 180)

FULL_MOTION_MM = 12.0
FULL_THICKENING_PERCENT = 100.0
FULL_DIFFERENCE = 0.5

_QPS_SURFACES: dict[str, Box] = {
    "stress": (690, 50, 910, 250),
    "rest": (690, 365, 910, 565),
    "difference": (690, 677, 910, 877),
}
_QGS_SURFACES: dict[str, Box] = {"ed": (398, 64, 663, 268), "es": (683, 64, 904, 268)}
_SLICE_PX = 148
_SLICES_LEFT = (8, 164)
_SLICES_TOP = 46
_SLICES_PITCH = 194
CAPTIONS = {
    "stress": "Stress",
    "rest": "Rest",
    "difference": "Reversibility",
    "perfusion_ed": "Perfusion ED",
    "perfusion_es": "Perfusion ES",
    "motion": "Motion (mm)",
    "thickening": "Thickening (%)",
}


def draw(view: View, examination: Examination, *, style: MapStyle = GREY_RINGS) -> RgbImage:
    """One screen of an examination, shape (1024, 1280, 3)."""
    if view is View.QPS:
        return _draw_qps(examination, style)
    quantified = examination.stress if view is View.STRESS_QGS else examination.rest
    return _draw_qgs(view, examination, quantified, style=style)


def qps_maps(examination: Examination) -> dict[str, PolarMap]:
    """What the maps of the QPS screen show, 0..1, by panel."""
    stress, rest = examination.stress.perfusion, examination.rest.perfusion
    # As programs do, rest is set to the level of stress first: a hot gut in one of them scales its whole map down.
    level = float(np.median(stress / np.maximum(rest, 0.05)))
    return {"stress": stress, "rest": rest, "difference": np.clip((level * rest - stress) / FULL_DIFFERENCE, 0, 1)}


def qgs_maps(quantified: Quantified) -> dict[str, PolarMap]:
    """What the maps of a gated screen show, 0..1 but for outliers, by panel."""
    gated = quantified.gated
    return {
        "perfusion_ed": gated.perfusion_ed,
        "perfusion_es": gated.perfusion_es,
        "motion": gated.motion_mm / FULL_MOTION_MM,
        "thickening": gated.thickening_percent / FULL_THICKENING_PERCENT,
    }


def _draw_qps(examination: Examination, style: MapStyle) -> RgbImage:
    pixels = _frame(View.QPS, style).copy()
    stress, rest = examination.stress, examination.rest
    maps = qps_maps(examination)
    shape = Shape.of(examination.ventricle, inwards_mm=examination.ventricle.motion_mm / 2)
    for name, values in maps.items():
        paint_map(pixels, values, centre=QPS_MAPS[name], style=style)
        paint_surface(pixels, values, shape=shape, box=_QPS_SURFACES[name], mm_per_px=0.47, scale=style.scale)
    for column, quantified in enumerate((stress, rest)):
        volume = quantified.scan.ungated / quantified.peak_counts
        _paint_column(pixels, examination, volume, quantified=quantified, column=column, style=style)
    canvas = Canvas(pixels)
    write_qps(canvas, examination)
    for name, quantified in (("stress", stress), ("rest", rest)):
        below = (_QPS_SURFACES[name][1] + _QPS_SURFACES[name][3]) // 2 + 120
        words = f"TPD {quantified.tpd_percent:.0f} %    Ext {quantified.extent_percent:.0f} %"
        canvas.text((800, below), words, size=14, colour=LIGHT, anchor="ma")
    return canvas.pixels()


def _draw_qgs(view: View, examination: Examination, quantified: Quantified, *, style: MapStyle) -> RgbImage:
    pixels = _frame(view, style).copy()
    gated, scan = quantified.gated, quantified.scan
    for name, values in qgs_maps(quantified).items():
        paint_map(pixels, values, centre=QGS_MAPS[name], style=style)
    diastole = Shape.of(examination.ventricle)
    systole = Shape.of(examination.ventricle, inwards_mm=float(np.clip(gated.motion_mm.mean(), 0, 12)))
    for gate, values, shape, mesh in (
        ("ed", gated.perfusion_ed, diastole, None),
        ("es", gated.perfusion_es, systole, diastole),
    ):
        box = _QGS_SURFACES[gate]
        paint_surface(pixels, values, shape=shape, box=box, mm_per_px=0.5, mesh=mesh, scale=style.scale)
    gates = (scan.end_diastole / gated.counts_ed, scan.end_systole / gated.counts_es)
    for column, volume in enumerate(gates):
        _paint_column(pixels, examination, volume, quantified=quantified, column=column, style=style)
    canvas = Canvas(pixels)
    write_qgs(canvas, examination, quantified)
    return canvas.pixels()


def _paint_column(
    pixels: RgbImage,
    examination: Examination,
    volume: Floats,
    *,
    quantified: Quantified,
    column: int,
    style: MapStyle,
) -> None:
    for row, cut in enumerate(cuts(examination.ventricle, volume, quantified.scan.acquisition)):
        paint_slice(pixels, cut, box=_slice_box(row, column), scale=style.scale)


def _slice_box(row: int, column: int) -> Box:
    left, top = _SLICES_LEFT[column], _SLICES_TOP + row * _SLICES_PITCH
    return left, top, left + _SLICE_PX, top + _SLICE_PX


@lru_cache(maxsize=2 * len(View))
def _frame(view: View, style: MapStyle) -> RgbImage:
    """What a screen shows before a patient is loaded."""
    pixels = np.zeros((ROWS, COLUMNS, 3), dtype=np.uint8)
    paint_scale(pixels, box=(1040, 968, 1200, 980), scale=style.scale)
    canvas = Canvas(pixels)
    _frame_slices(canvas, ("Stress", "Rest") if view is View.QPS else ("ED", "ES"))
    if view is View.QPS:
        _frame_qps(canvas)
    else:
        _frame_qgs(canvas, style)
    for x in (321, 955):
        canvas.line((x, 0), (x, ROWS))
    canvas.text((338, 962), TITLES[view], size=32, colour=LIGHT)
    canvas.text((660, 964), "Perfuscope Simulator: simulated patient", size=14, colour=DIM)
    canvas.text((660, 984), "Research use only, not for diagnosis.", size=14, colour=DIM)
    _frame_right(canvas, view)
    return canvas.pixels()


def _frame_slices(canvas: Canvas, names: tuple[str, str]) -> None:
    for left, name in zip(_SLICES_LEFT, names, strict=True):
        canvas.text((left + _SLICE_PX / 2, 6), name, size=16, colour=LIGHT, anchor="ma")
    for row, name in enumerate(SLICE_NAMES):
        canvas.text((_SLICES_LEFT[0], _slice_box(row, 0)[1] - 19), name, size=13, colour=DIM)
        for column in range(2):
            canvas.box(_slice_box(row, column))


def _frame_qps(canvas: Canvas) -> None:
    for name, (_, y) in QPS_MAPS.items():
        canvas.text((332, y - 146), CAPTIONS[name], size=15, colour=LIGHT)
    surface = _QPS_SURFACES["difference"]
    canvas.text(
        (800, (surface[1] + surface[3]) // 2 + 120), "Rest - Stress, scale 0-50 %", size=14, colour=DIM, anchor="ma"
    )


def _frame_qgs(canvas: Canvas, style: MapStyle) -> None:
    for name, (x, y) in QGS_MAPS.items():
        canvas.text((x, y - style.ring_px - 8), CAPTIONS[name], size=13, colour=LIGHT, anchor="mm")
    for (left, _, right, _), words in zip(_QGS_SURFACES.values(), ("End diastole", "End systole"), strict=True):
        canvas.text(((left + right) / 2, 40), words, size=15, colour=LIGHT, anchor="ma")
    canvas.text(
        (640, 936),
        f"Motion 0-{FULL_MOTION_MM:.0f} mm    Thickening 0-{FULL_THICKENING_PERCENT:.0f} %",
        size=12,
        colour=DIM,
        anchor="mm",
    )


def _frame_right(canvas: Canvas, view: View) -> None:
    for y, words in HEADINGS[view]:
        canvas.line((966, y + 22), (1274, y + 22), colour=LINE)
        if words:
            canvas.text((970, y), words, size=16, colour=LIGHT)
    for centre in SCORES_AT:
        draw_segments(canvas, centre, SCORES_RADIUS)
    for x, words in ((1040, "0"), (1200, "100 %")):
        canvas.text((x, 984), words, size=12, colour=DIM, anchor="ma")


__all__ = [
    "CAPTIONS",
    "COLUMNS",
    "HOT_STYLE",
    "IDENTITY_BOX",
    "QGS_MAPS",
    "QPS_MAPS",
    "ROWS",
    "TITLES",
    "TITLE_BOX",
    "draw",
    "qgs_maps",
    "qps_maps",
]
