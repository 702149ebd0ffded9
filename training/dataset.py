"""Labelled patients from a folder of DICOM studies, split by patient and by label."""

import csv
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import LABELS, Label
from models.figures import Source
from training import crops
from training.crops import Progress

TRUTH = "truth.csv"
_SIMULATED = {"seed", "index", "severity_stress"}


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled patients with all three views, in the order of ``truth.csv``."""

    patients: tuple[str, ...]
    labels: NDArray[np.intp]
    """Index into LABELS, shape (n,)."""
    pixels: NDArray[np.uint8]
    """Resized crops, shape (n, 3, 224, 224, 3): the views are in the order of REQUIRED_VIEWS."""
    tpd: NDArray[np.float64] | None
    """Total perfusion deficit at stress and at rest in percent, shape (n, 2), where truth.csv has it."""
    left_out: Mapping[str, str]
    """Patients that are not among them, and why."""
    truth_sha256: str
    """Tells two data sets apart: the SHA-256 of truth.csv."""
    source: Source
    """Simulated if truth.csv has the simulator's columns, or says so of every patient."""
    layouts: Mapping[str, int] = field(default_factory=dict)
    """Name and version of the screen layouts that the crops come from."""
    facts: tuple[Mapping[str, str | float], ...] = ()
    """What truth.csv says of each patient, numbers as numbers."""

    def take(self, index: NDArray[np.intp]) -> "Dataset":
        """The patients at ``index``, in that order."""
        return replace(
            self,
            patients=tuple(self.patients[i] for i in index),
            labels=self.labels[index],
            pixels=self.pixels[index],
            tpd=None if self.tpd is None else self.tpd[index],
            facts=tuple(self.facts[i] for i in index) if self.facts else (),
        )

    def counts(self) -> dict[Label, int]:
        """Patients of each label."""
        return {label: int((self.labels == i).sum()) for i, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Positions of the patients that train, validate and test."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Truth:
    patient: str
    folder: Path
    label: int
    tpd: tuple[float, float] | None
    simulated: bool
    facts: Mapping[str, str | float]


def read(folder: Path, *, progress: Progress | None = None) -> Dataset:
    """The patients of ``folder``; reads each crop once and keeps them in a cache file there.

    PerfuscopeError without a usable truth.csv.
    """
    truths = _truths(folder)
    files = {truth.patient: sorted(truth.folder.glob("*.dcm")) for truth in truths}
    found_crops = crops.read(files, home=folder, progress=progress)
    found = [truth for truth in truths if truth.patient in found_crops.pixels]
    if not found:
        raise PerfuscopeError(f"{folder.name} holds no patient with all three views.")
    tpd = [truth.tpd for truth in found if truth.tpd is not None]
    return Dataset(
        patients=tuple(truth.patient for truth in found),
        labels=np.array([truth.label for truth in found], dtype=np.intp),
        pixels=np.stack([found_crops.pixels[truth.patient] for truth in found]),
        tpd=np.array(tpd) if len(tpd) == len(found) else None,
        left_out=found_crops.left_out,
        truth_sha256=hashlib.sha256((folder / TRUTH).read_bytes()).hexdigest(),
        source="simulated" if all(truth.simulated for truth in truths) else "clinical",
        layouts=found_crops.layouts,
        facts=tuple(truth.facts for truth in found),
    )


def split(labels: NDArray[np.intp], *, train: float, validation: float, test: float, seed: int) -> Split:
    """Split patients by label: each part gets its share of every label, at least one unless the share is 0."""
    rng = np.random.default_rng(seed)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for index, label in enumerate(LABELS):
        members = rng.permutation(np.flatnonzero(labels == index))
        wanted = [max(1, round(share * len(members))) if share else 0 for share in (validation, test)]
        rest = len(members) - sum(wanted)
        if rest < (1 if train else 0):
            raise PerfuscopeError(f"{len(members)} patients with {label.value} are too few to split.")
        bounds = np.cumsum([rest, *wanted])
        for part, chosen in zip(parts, np.split(members, bounds[:-1]), strict=True):
            part.extend(int(i) for i in chosen)
    ordered = [np.array(sorted(part), dtype=np.intp) for part in parts]
    return Split(*ordered)


def _truths(folder: Path) -> list[_Truth]:
    path = folder / TRUTH
    if not path.is_file():
        raise PerfuscopeError(f"{folder.name} has no {TRUTH} (columns patient_id and label): it is no data set.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"patient_id", "label"} <= rows[0].keys():
        raise PerfuscopeError(f"{TRUTH} needs the columns patient_id and label, and one row a patient.")
    truths = [_truth(folder, row, line) for line, row in enumerate(rows, start=2)]
    if len({truth.patient for truth in truths}) != len(truths):
        raise PerfuscopeError(f"{TRUTH} names a patient twice; one row a patient is wanted.")
    return truths


def _truth(folder: Path, row: Mapping[str, str], line: int) -> _Truth:
    patient, label = row["patient_id"].strip(), row["label"].strip().lower()
    home = (folder / patient).resolve()
    if not patient or home.parent != folder.resolve():
        raise PerfuscopeError(f"{TRUTH}, line {line}: patient_id must be the name of a folder beside it.")
    if label not in LABELS:
        raise PerfuscopeError(f"{TRUTH}, line {line}: label must be one of {', '.join(LABELS)}.")
    return _Truth(patient, home, LABELS.index(Label(label)), _tpd(row), _is_simulated(row), _facts(row))


def _facts(row: Mapping[str, str]) -> dict[str, str | float]:
    return {key: _number(value) for key, value in row.items() if key not in {"patient_id", "label"} and value}


def _number(value: str) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value


def _is_simulated(row: Mapping[str, str]) -> bool:
    """The simulator's own table, or one whose export says that the study came from it."""
    return row.keys() >= _SIMULATED or row.get("simulated") == "yes"


def _tpd(row: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        stress, rest = float(row["tpd_stress"]), float(row["tpd_rest"])
    except (KeyError, TypeError, ValueError):
        return None
    return (stress, rest) if math.isfinite(stress) and math.isfinite(rest) else None
