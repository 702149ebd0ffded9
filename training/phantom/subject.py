"""One simulated patient before any image is taken: who, which heart, which disease, and how they will be imaged."""

from dataclasses import dataclass

import numpy as np

from core.types import Label
from training.phantom import imaging, limits, polar
from training.phantom.acquisition import Acquisition, draw_acquisitions
from training.phantom.anatomy import Ventricle, draw_ventricle
from training.phantom.disease import Defect, draw_defects
from training.phantom.identity import Identity, draw_identity
from training.phantom.labels import mixed_label, true_label
from training.phantom.population import DEFAULT, Population

_WHO, _BODY, _CAMERA, _ILLNESS, _STRESS, _REST, _READER = (1, 2, 3, 4, 5, 6, 8)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is drawn at random of a patient but the noise; ``label`` is the reader's, ``true_label`` the disease's."""

    seed: int
    index: int
    population: Population
    label: Label
    true_label: Label
    identity: Identity
    ventricle: Ventricle
    defects: tuple[Defect, ...]
    acquisitions: tuple[Acquisition, Acquisition]
    """At stress and at rest."""

    def noise(self) -> tuple[np.random.Generator, np.random.Generator]:
        """Fresh generators of the noise at stress and at rest."""
        stress, rest = (_generator(self.seed, self.index, self.population, k) for k in (_STRESS, _REST))
        return stress, rest


def draw_subject(seed: int, index: int, *, label: Label | None = None, population: Population = DEFAULT) -> Subject:
    """Patient ``index`` of the cohort ``seed`` (both 0 or above), with the mixed cohort's label unless given one."""
    who, body, camera, illness, reader = (
        _generator(seed, index, population, k) for k in (_WHO, _BODY, _CAMERA, _ILLNESS, _READER)
    )
    chosen = mixed_label(seed, index) if label is None else label
    true = true_label(reader, chosen, population.readers)
    identity = draw_identity(who, seed=seed, index=index, mark=population.mark)
    return Subject(
        seed=seed,
        index=index,
        population=population,
        label=chosen,
        true_label=true,
        identity=identity,
        ventricle=draw_ventricle(body, female=identity.female, body=population.body),
        defects=draw_defects(illness, true, disease=population.disease, doubtful=true is not chosen),
        acquisitions=draw_acquisitions(camera, female=identity.female, population=population),
    )


def _generator(seed: int, index: int, population: Population, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, index, purpose, *population.stream])


def measure_tpd(subject: Subject) -> tuple[float, float]:
    """TPD in percent at stress and at rest, as ``examine`` finds it, without the gated images: a third of the time."""
    stress, rest = (_tpd(subject, k) for k in range(2))
    return stress, rest


def measure_stress_tpd(subject: Subject) -> float:
    """The first of ``measure_tpd`` in half its time."""
    return _tpd(subject, 0)


def _tpd(subject: Subject, which: int) -> float:
    taken, rng = subject.acquisitions[which], subject.noise()[which]
    shown = perfusion(subject.ventricle, subject.defects, acquisition=taken, rng=rng)
    return limits.total_perfusion_deficit(shown, female=subject.identity.female)


def perfusion(
    ventricle: Ventricle, defects: tuple[Defect, ...], *, acquisition: Acquisition, rng: np.random.Generator | None
) -> polar.PolarMap:
    """The perfusion map of one ungated acquisition, 0 to 1; without noise if ``rng`` is None."""
    image = imaging.ungated(ventricle, defects, acquisition=acquisition, rng=rng)
    peak = polar.peak(image, ventricle, voxel_mm=acquisition.voxel_mm, centre_mm=acquisition.centre_mm)
    return polar.normalised(peak)
