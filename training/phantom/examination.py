"""One simulated patient examined at stress and at rest: images and what is measured on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Label
from training.phantom import function, limits, polar
from training.phantom.acquisition import Acquisition
from training.phantom.anatomy import Ventricle
from training.phantom.disease import Defect
from training.phantom.identity import Identity
from training.phantom.imaging import Scan, scan
from training.phantom.population import DEFAULT, Population
from training.phantom.subject import Subject, draw_subject


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
    population: Population
    label: Label
    """The label on record: a reader's."""
    true_label: Label
    """What was simulated."""
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
            "population": self.population.name,
            "true_label": self.true_label.value,
            "radius_mm": round(self.ventricle.radius_mm, 1),
            **_taken("stress", self.stress.scan.acquisition),
            **_taken("rest", self.rest.scan.acquisition),
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


def _taken(name: str, acquisition: Acquisition) -> dict[str, str | int | float]:
    return {
        f"misregistered_{name}": round(acquisition.misregistered, 3),
        f"liver_{name}": round(acquisition.liver, 3),
        f"moved_{name}_mm": round(acquisition.motion_mm, 1),
        f"counts_{name}": round(acquisition.counts, 1),
    }


def _extent_percent(defects: tuple[Defect, ...]) -> float:
    """Share of the polar map that the defects cover."""
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    covered = np.zeros(p.shape, dtype=bool)
    for defect in defects:
        covered |= defect.mask(p, theta) > 0.5
    return 100 * float(polar.AREA[covered].sum())


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


def examine(seed: int, index: int, *, label: Label | None = None, population: Population = DEFAULT) -> Examination:
    """Patient ``index`` of the cohort ``seed`` (both 0 or above), with the mixed cohort's label unless given one."""
    return examined(draw_subject(seed, index, label=label, population=population))


def examined(subject: Subject) -> Examination:
    """The subject's study: the same one every time."""
    stress, rest = (
        quantify(subject.ventricle, subject.defects, acquisition=taken, female=subject.identity.female, rng=rng)
        for taken, rng in zip(subject.acquisitions, subject.noise(), strict=True)
    )
    return Examination(
        seed=subject.seed,
        index=subject.index,
        population=subject.population,
        label=subject.label,
        true_label=subject.true_label,
        identity=subject.identity,
        ventricle=subject.ventricle,
        defects=subject.defects,
        stress=stress,
        rest=rest,
    )
