"""The right column of a screen: identity, what was measured, segment scores and the volume curve."""

import numpy as np
from numpy.typing import NDArray

from core.types import View
from training.phantom.acquisition import GATES
from training.phantom.anatomy import Ventricle
from training.phantom.examination import Examination, Quantified
from training.phantom.identity import Identity
from training.phantom.lettering import AMBER, DIM, LINE, WHITE, Canvas, write_scores

_LEFT = 970
_WORST = 68
"""The sum of 17 segment scores of 4."""
_WORST_MOTION = 85
_WORST_THICKENING = 51
_EMPTYING = (0.0, 0.30, 0.82, 1.0, 0.80, 0.42, 0.20, 0.07)
"""How far the ventricle has emptied in each of the eight gates."""

SCORES_AT = ((1040, 850), (1200, 850))
SCORES_RADIUS = 70
_QGS_HEADINGS = ((182, "Gated"), (490, "Volume curve"), (732, "Motion and thickening scores"))
HEADINGS: dict[View, tuple[tuple[int, str], ...]] = {
    View.QPS: ((182, "Stress"), (460, "Rest"), (732, "Segment scores")),
    View.STRESS_QGS: _QGS_HEADINGS,
    View.REST_QGS: _QGS_HEADINGS,
}


def identity_lines(identity: Identity) -> list[str]:
    """The burned-in identity, line by line: exactly what the header says."""
    return [
        identity.name,
        f"ID {identity.patient_id}",
        f"Sex {identity.sex}   Age {identity.age_years}   Born {identity.birth_date:%Y-%m-%d}",
        f"Acc {identity.accession_number}",
    ]


def _write_identity(canvas: Canvas, identity: Identity) -> None:
    name, *others = identity_lines(identity)
    canvas.text((_LEFT, 8), name, size=19, colour=AMBER)
    for k, line in enumerate(others):
        canvas.text((_LEFT, 36 + 20 * k), line, size=14, colour=WHITE)


def write_qps(canvas: Canvas, examination: Examination) -> None:
    """Everything in the right column of the QPS screen that belongs to the patient."""
    _write_identity(canvas, examination.identity)
    stress, rest = int(examination.stress.scores.sum()), int(examination.rest.scores.sum())
    sums = (("SSS", "SS%", stress), ("SRS", "SR%", rest), ("SDS", "SD%", stress - rest))
    for k, (name, share, value) in enumerate(sums):
        x = _LEFT + 104 * k
        canvas.text((x, 112), f"{name}  {value}", size=16)
        canvas.text((x, 138), f"{share}  {100 * value / _WORST:.0f}", size=16, colour=DIM)
    for y, name, quantified in ((216, "STRESS", examination.stress), (494, "REST", examination.rest)):
        canvas.fields((_LEFT, y), perfusion_rows(name, examination, quantified), pitch=23)
    for centre, words, quantified in zip(
        SCORES_AT, ("Stress", "Rest"), (examination.stress, examination.rest), strict=True
    ):
        canvas.text((centre[0], 762), words, size=13, colour=DIM, anchor="ma")
        write_scores(canvas, quantified.scores, centre=centre, radius=SCORES_RADIUS)


def perfusion_rows(name: str, examination: Examination, quantified: Quantified) -> list[tuple[str, str]]:
    """Labels and values of an ungated acquisition."""
    area = quantified.gated.area_cm2
    return [
        ("Study", f"{name} MIBI"),
        ("Dataset", f"AC {name.title()} SA"),
        ("Date", f"{examination.identity.study_at:%Y-%m-%d}"),
        ("Database", f"Simulated {'female' if examination.identity.female else 'male'}"),
        ("Volume", f"{quantified.volume_ml:.0f} ml"),
        ("Area", f"{area:.0f} cm2"),
        ("Defect", f"{area * quantified.extent_percent / 100:.0f} cm2"),
        ("Extent", f"{quantified.extent_percent:.0f} %"),
        ("TPD", f"{quantified.tpd_percent:.0f} %"),
        ("Shape", _shape(examination.ventricle)),
    ]


def _shape(ventricle: Ventricle) -> str:
    """Sphericity and eccentricity, as the workstation prints them."""
    ratio = ventricle.radius_mm / ventricle.length_mm
    sphericity = 2 * ventricle.radius_mm / (ventricle.length_mm + ventricle.base_mm)
    return f"{sphericity:.2f} [SI], {np.sqrt(max(0.0, 1 - ratio**2)):.2f} [Ecc]"


def write_qgs(canvas: Canvas, examination: Examination, quantified: Quantified) -> None:
    """Everything in the right column of a gated screen that belongs to the patient."""
    _write_identity(canvas, examination.identity)
    name = "STRESS" if quantified.scan.acquisition.at_stress else "REST"
    gated = quantified.gated
    for k, (words, value) in enumerate((("EF", gated.ef_percent), ("EDV", gated.edv_ml), ("ESV", gated.esv_ml))):
        canvas.text((_LEFT + 104 * k, 126), f"{words}  {value:.0f}{' %' if words == 'EF' else ''}", size=17)
    canvas.fields((_LEFT, 216), gated_rows(name, examination, quantified), pitch=23)
    _draw_curve(canvas, gated.edv_ml, gated.esv_ml)
    both = ((gated.motion_scores, "Motion"), (gated.thickening_scores, "Thickening"))
    for centre, (scores, words) in zip(SCORES_AT, both, strict=True):
        canvas.text((centre[0], 762), words, size=13, colour=DIM, anchor="ma")
        write_scores(canvas, scores, centre=centre, radius=SCORES_RADIUS)


def gated_rows(name: str, examination: Examination, quantified: Quantified) -> list[tuple[str, str]]:
    """Labels and values of a gated acquisition."""
    gated = quantified.gated
    return [
        ("Study", f"{name} MIBI GATED"),
        ("Dataset", f"AC {name.title()} Gated SA, {GATES} gates"),
        ("Date", f"{examination.identity.study_at:%Y-%m-%d}"),
        ("EDV, ESV", f"{gated.edv_ml:.0f} ml [1], {gated.esv_ml:.0f} ml [4]"),
        ("EF", f"{gated.ef_percent:.0f} %"),
        ("Area", f"{gated.area_cm2:.0f} cm2"),
        ("Mot Ext", f"{gated.motion_extent_percent:.0f} %"),
        ("Thk Ext", f"{gated.thickening_extent_percent:.0f} %"),
        ("SMS, SM%", _sum(gated.motion_scores, _WORST_MOTION)),
        ("STS, ST%", _sum(gated.thickening_scores, _WORST_THICKENING)),
        ("Shape", _shape(examination.ventricle)),
    ]


def _sum(scores: NDArray[np.intp], worst: int) -> str:
    return f"{scores.sum()}, {100 * scores.sum() / worst:.0f} %"


def _draw_curve(canvas: Canvas, edv_ml: float, esv_ml: float) -> None:
    """Volume against gate, from zero to a round number of ml above the largest."""
    left, top, right, bottom = 1010, 524, 1262, 700
    full = 50 * (int(edv_ml * 1.1) // 50 + 1)
    canvas.line((left, top), (left, bottom), (right, bottom), colour=DIM)
    for share in (0.5, 1.0):
        y = bottom - share * (bottom - top)
        canvas.line((left, y), (right, y), colour=LINE)
        canvas.text((left - 6, y), f"{share * full:.0f}", size=12, colour=DIM, anchor="rm")
    for gate in range(GATES):
        canvas.text((left + 14 + gate * 32, bottom + 5), str(gate + 1), size=12, colour=DIM, anchor="ma")
    volumes = [edv_ml - emptied * (edv_ml - esv_ml) for emptied in _EMPTYING]
    places = [(left + 14.0 + k * 32, bottom - v / full * (bottom - top)) for k, v in enumerate(volumes)]
    canvas.line(*places, colour=AMBER, width=2)
    for place in places:
        canvas.circle(place, 3, colour=AMBER)
