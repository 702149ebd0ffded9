"""Which patient of a cohort has which label, and how a reader's label and the disease behind it differ."""

import numpy as np

from core.errors import PerfuscopeError
from core.types import LABELS, Label
from training.phantom.population import Readers

ORIGINAL = {Label.NORMAL: 63, Label.ISCHEMIA: 20, Label.INFARCTION: 4}
"""Patients of each label in the original work's cohort."""
ORIGINAL_PATIENTS = sum(ORIGINAL.values())

MISSED_ISCHEMIA = 0.8
"""Of what readers miss, the share that is ischemia."""


def mixed_label(seed: int, index: int) -> Label:
    """The label of patient ``index`` of a mixed cohort: each three in a row hold one of each, in random order."""
    order = np.random.default_rng([seed, index // len(LABELS), 0]).permutation(len(LABELS))
    return LABELS[int(order[index % len(LABELS)])]


def original_label(seed: int, index: int) -> Label:
    """The label of patient ``index`` of a cohort of the original's mix, in random order."""
    if not 0 <= index < ORIGINAL_PATIENTS:
        raise PerfuscopeError(f"the original cohort has patients 0 to {ORIGINAL_PATIENTS - 1}, not {index}.")
    labels = [label for label, count in ORIGINAL.items() for _ in range(count)]
    return labels[int(np.random.default_rng([seed, 0, 0, ORIGINAL_PATIENTS]).permutation(len(labels))[index])]


def true_label(rng: np.random.Generator, label: Label, readers: Readers) -> Label:
    """What a patient has whom a reader put on record as ``label``."""
    chance = rng.random()
    if label is Label.NORMAL:
        other = Label.ISCHEMIA if rng.random() < MISSED_ISCHEMIA else Label.INFARCTION
        return other if chance < readers.missed else label
    if chance < readers.imagined:
        return Label.NORMAL
    other = Label.INFARCTION if label is Label.ISCHEMIA else Label.ISCHEMIA
    return other if chance < readers.imagined + readers.confused else label


__all__ = ["MISSED_ISCHEMIA", "ORIGINAL", "ORIGINAL_PATIENTS", "mixed_label", "original_label", "true_label"]
