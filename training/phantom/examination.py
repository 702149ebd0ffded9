"""One simulated patient examined at stress and at rest: anatomy, disease, images and what is measured on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Label
from training.phantom import function, limits, polar
from training.phantom.acquisition import Acquisition, draw_acquisitions
from training.phantom.anatomy import Ventricle, draw_ventricle
from training.phantom.disease import Defect, draw_defects
from training.phantom.identity import Identity, draw_identity
from training.phantom.imaging import Scan, scan


@dataclass(frozen=True, slots=True)
class Quantified:
    """One acquisition and its measurements; ``perfusion`` is 0..1, shape (RINGS, ANGLES), ``peak_counts`` its unit."""

    scan: Scan
    perfusion: polar.PolarMap
    peak_counts: float
    volume_ml: float
    gated: function.Gated
    tpd_percent: float
    extent_percent: float
    scores: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Examination:
    """A patient's study before it is drawn or written."""

    seed: int
    index: int
    label: Label
    identity: Identity
    ventricle: Ventricle
    defects: tuple[Defect, ...]
    stress: Quantified
    rest: Quantified

    @property
    def truth(self) -> dict[str, str | int | float]:
        """What was simulated and measured, as one row of truth.csv."""
        first = max(self.defects, key=lambda d: d.depth_stress, default=None)
        return {
            "patient_id": self.identity.patient_id,
            "label": self.label.value,
            "study": self.identity.patient_id,
            "seed": self.seed,
            "index": self.index,
            "sex": self.identity.sex,
            "age_years": self.identity.age_years,
            "territory": "+".join(d.territory.value for d in self.defects),
            "extent_percent": round(_extent_percent(self.defects), 1),
            "severity_stress": round(first.depth_stress, 3) if first else 0.0,
            "severity_rest": round(first.depth_rest, 3) if first else 0.0,
            "transmural": round(min(first.transmural, 1.0), 3) if first else 0.0,
            **_measured("stress", self.stress),
            **_measured("rest", self.rest),
        }


def _measured(name: str, quantified: Quantified) -> dict[str, str | int | float]:
    attenuation = quantified.scan.acquisition
    return {
        f"tpd_{name}": round(quantified.tpd_percent, 2),
        f"{'sss' if name == 'stress' else 'srs'}": int(quantified.scores.sum()),
        f"ef_{name}": round(quantified.gated.ef_percent, 1),
        f"edv_{name}_ml": round(quantified.gated.edv_ml, 1),
        f"esv_{name}_ml": round(quantified.gated.esv_ml, 1),
        f"motion_extent_{name}": round(quantified.gated.motion_extent_percent, 1),
        f"thickening_extent_{name}": round(quantified.gated.thickening_extent_percent, 1),
        f"breast_{name}": round(attenuation.breast, 3),
        f"diaphragm_{name}": round(attenuation.diaphragm, 3),
        f"gut_{name}": round(attenuation.gut, 3),
    }


def _extent_percent(defects: tuple[Defect, ...]) -> float:
    """Share of the polar map that the defects cover."""
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    covered = np.zeros(p.shape, dtype=bool)
    for defect in defects:
        covered |= defect.mask(p, theta) > 0.5
    return 100 * float(polar.AREA[covered].sum())


def mixed_label(seed: int, index: int) -> Label:
    """The label of patient ``index`` of a mixed cohort: each three in a row hold one of each, in random order."""
    order = np.random.default_rng([seed, index // len(LABELS), 0]).permutation(len(LABELS))
    return LABELS[int(order[index % len(LABELS)])]


def quantify(
    ventricle: Ventricle,
    defects: tuple[Defect, ...],
    *,
    acquisition: Acquisition,
    female: bool,
    rng: np.random.Generator,
) -> Quantified:
    """Image and measure a ventricle once."""
    taken = scan(ventricle, defects, acquisition=acquisition, rng=rng)
    sampled = polar.profiles(taken.ungated, ventricle, voxel_mm=acquisition.voxel_mm, centre_mm=acquisition.centre_mm)
    peak = sampled.peak()
    perfusion = polar.normalised(peak)
    return Quantified(
        scan=taken,
        perfusion=perfusion,
        peak_counts=polar.brightest(peak),
        volume_ml=function.cavity_ml(ventricle, sampled),
        gated=function.measure(taken, ventricle),
        tpd_percent=limits.total_perfusion_deficit(perfusion, female=female),
        extent_percent=limits.extent_percent(perfusion, female=female),
        scores=limits.segment_scores(perfusion, female=female),
    )


def examine(seed: int, index: int, *, label: Label | None = None) -> Examination:
    """Patient ``index`` of the cohort ``seed`` (both 0 or above), with the mixed cohort's label unless given one."""
    who, body, camera, illness, *noise = (np.random.default_rng([seed, index, k]) for k in range(1, 7))
    chosen = mixed_label(seed, index) if label is None else label
    identity = draw_identity(who, seed=seed, index=index)
    ventricle = draw_ventricle(body, female=identity.female)
    defects = draw_defects(illness, chosen)
    stress, rest = (
        quantify(ventricle, defects, acquisition=acquisition, female=identity.female, rng=rng)
        for acquisition, rng in zip(draw_acquisitions(camera, female=identity.female), noise, strict=True)
    )
    return Examination(
        seed=seed,
        index=index,
        label=chosen,
        identity=identity,
        ventricle=ventricle,
        defects=defects,
        stress=stress,
        rest=rest,
    )
