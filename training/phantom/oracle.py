"""What somebody would answer who knows the disease, or sees images without noise: ceilings for evidence tables.

Three levels stand between a threshold on the printed TPD and certainty:

``disease_score`` knows the defects themselves; only readers' disagreement keeps it from being right about labels.
``quiet_tpd`` measures TPD on images without noise, attenuation, motion and activity beside the heart.
``measure_tpd`` of ``subject`` is what the screens print.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Label
from training.phantom import limits, polar
from training.phantom.acquisition import Acquisition
from training.phantom.anatomy import Ventricle
from training.phantom.disease import Defect
from training.phantom.labels import MISSED_ISCHEMIA
from training.phantom.population import Population, Readers
from training.phantom.subject import Subject, perfusion

Floats = NDArray[np.float64]

EQUAL: Mapping[Label, float] = dict.fromkeys(LABELS, 1 / len(LABELS))
"""The mixed cohort's shares of labels."""
FIXED_FROM = 0.66
"""Share of the stress deficit that is left at rest from which on a defect is called an infarction."""


class Ill(Protocol):
    """What has defects: a subject or an examination."""

    @property
    def defects(self) -> tuple[Defect, ...]: ...

    @property
    def population(self) -> Population: ...


def deficits(patient: Ill) -> tuple[float, float]:
    """What the defects take of the whole ventricle's perfusion at stress and at rest, percent: a TPD without images."""
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    kept = np.ones((2, *p.shape))
    for defect in patient.defects:
        where = min(defect.transmural, 1.0) * defect.mask(p, theta)
        kept *= 1 - np.array([defect.depth_stress, defect.depth_rest])[:, None, None] * where
    stress, rest = (100 * float((polar.AREA * (1 - k)).sum()) for k in kept)
    return stress, rest


def disease_score(patient: Ill) -> float:
    """How ill the patient is for somebody who knows the defects: the stress deficit in percent, 0 without a defect."""
    return deficits(patient)[0]


def disease_answer(patient: Ill) -> Label:
    """The class that the defects make: normal without one, infarction where most of the deficit is there at rest."""
    stress, rest = deficits(patient)
    if stress <= 0:
        return Label.NORMAL
    return Label.INFARCTION if rest >= FIXED_FROM * stress else Label.ISCHEMIA


def probabilities(patient: Ill, *, shares: Mapping[Label, float] = EQUAL) -> Floats:
    """P(label on record | disease), in the order of LABELS, by Bayes from the readers' rates and the labels' shares."""
    likelihood = _given_labels(patient.population.readers)[:, LABELS.index(disease_answer(patient))]
    joint = likelihood * np.array([shares[label] for label in LABELS])
    return np.asarray(joint / joint.sum(), dtype=np.float64)


def _given_labels(readers: Readers) -> Floats:
    """P(disease | label), a row a label: ``labels.true_label`` as a table."""
    imagined, confused = readers.imagined, readers.confused
    right = 1 - imagined - confused
    missed = readers.missed * np.array([MISSED_ISCHEMIA, 1 - MISSED_ISCHEMIA])
    return np.array([[1 - readers.missed, *missed], [imagined, right, confused], [imagined, confused, right]])


def quiet_tpd(subject: Subject) -> tuple[float, float]:
    """TPD in percent at stress and rest on images without noise, attenuation, motion and activity beside the heart."""
    stress, rest = (
        limits.total_perfusion_deficit(
            _quiet(subject.ventricle, subject.defects, taken), female=subject.identity.female
        )
        for taken in subject.acquisitions
    )
    return stress, rest


def _quiet(ventricle: Ventricle, defects: tuple[Defect, ...], taken: Acquisition) -> polar.PolarMap:
    undisturbed = replace(
        taken, breast=0.0, diaphragm=0.0, misregistered=0.0, gut=0.0, liver=0.0, motion_mm=0.0, moved_share=0.0
    )
    return perfusion(ventricle, defects, acquisition=undisturbed, rng=None)


__all__ = ["EQUAL", "FIXED_FROM", "deficits", "disease_answer", "disease_score", "probabilities", "quiet_tpd"]
