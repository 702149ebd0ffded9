"""Who trains, who validates, who tests: by patient, by label, and never one person in two subsets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import PerfuscopeError
from core.types import LABELS
from training.datasets import duplicates
from training.datasets import manifest as manifests
from training.datasets.dataset import SUBSETS, Subset
from training.datasets.dataset import split as split_labels
from training.datasets.manifest import Manifest, Patient, Shares


def split(folder: Path, shares: Shares, *, command: str) -> tuple[Manifest, list[tuple[str, ...]]]:
    """Give every original patient a subset and save; also the groups of ids that show the same and stay together.

    PerfuscopeError without crops, if a class is too small, or if patients that show the same have two labels.
    """
    manifest = manifests.load(folder)
    if any(not patient.cropped for patient in manifest.patients):
        raise PerfuscopeError(f"{folder} has patients without crops: run perfuscope dataset crop {folder}.")
    if any(patient.provenance.kind == "synthesized" for patient in manifest.patients):
        raise PerfuscopeError(
            f"{folder} holds synthesized patients, made from training patients: they must stay there."
        )
    originals = [patient for patient in manifest.patients if patient.provenance.kind == "original"]
    groups = _groups(originals)
    subsets = _subsets(groups, shares)
    patients = tuple(
        patient.model_copy(update={"subset": subsets.get(patient.id, patient.subset)}) for patient in manifest.patients
    )
    after = manifest.also(command, patients=patients, split=shares)
    manifests.save(folder, after)
    return after, [tuple(patient.id for patient in group) for group in groups if len(group) > 1]


def _groups(patients: Sequence[Patient]) -> list[list[Patient]]:
    """The patients, those together who show the same."""
    leader = list(range(len(patients)))
    for one, other, _ in duplicates.pairs(patients):
        low, high = sorted((leader[one], leader[other]))
        leader = [low if k == high else k for k in leader]
    groups: dict[int, list[Patient]] = {}
    for k, patient in zip(leader, patients, strict=True):
        groups.setdefault(k, []).append(patient)
    for group in groups.values():
        if len({patient.label for patient in group}) > 1:
            first, second = group[0], next(patient for patient in group if patient.label != group[0].label)
            files = f"{_file(first)} and {_file(second)}"
            msg = f"{files} show the same but are called {first.label.value} and {second.label.value}."
            raise PerfuscopeError(msg)
    return list(groups.values())


def _file(patient: Patient) -> str:
    return next(screen.crop.file for screen in patient.views.values() if screen.crop is not None)


def _subsets(groups: Sequence[Sequence[Patient]], shares: Shares) -> dict[str, Subset]:
    labels = np.array([LABELS.index(group[0].label) for group in groups], dtype=np.intp)
    parts = split_labels(labels, **shares.model_dump())
    return {
        patient.id: subset
        for subset, part in zip(SUBSETS, (parts.train, parts.validation, parts.test), strict=True)
        for k in part
        for patient in groups[k]
    }
