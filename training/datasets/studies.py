"""A plain folder of DICOM studies, one folder a patient, with ``truth.csv`` beside them."""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import PerfuscopeError
from core.types import LABELS, Label
from training.datasets import crops
from training.datasets.crops import Progress
from training.datasets.dataset import Dataset, Fact, tpd_of
from training.datasets.facts import facts_of, is_simulated

TRUTH = "truth.csv"


@dataclass(frozen=True, slots=True)
class Truth:
    """A row of a label table."""

    patient: str
    folder: Path
    label: Label
    facts: Mapping[str, Fact]
    simulated: bool


def read(folder: Path, *, progress: Progress | None = None) -> Dataset:
    """The patients of ``folder``; reads each crop once and keeps them in a cache file there.

    PerfuscopeError without a usable truth.csv.
    """
    rows = truths(folder, folder / TRUTH)
    files = {truth.patient: sorted(truth.folder.glob("*.dcm")) for truth in rows}
    found_crops = crops.read(files, home=folder, progress=progress)
    found = [truth for truth in rows if truth.patient in found_crops.pixels]
    if not found:
        raise PerfuscopeError(f"{folder.name} holds no patient with all three views.")
    return Dataset(
        patients=tuple(truth.patient for truth in found),
        labels=np.array([LABELS.index(truth.label) for truth in found], dtype=np.intp),
        pixels=np.stack([found_crops.pixels[truth.patient] for truth in found]),
        tpd=tpd_of([truth.facts for truth in found]),
        left_out=found_crops.left_out,
        truth_sha256=hashlib.sha256((folder / TRUTH).read_bytes()).hexdigest(),
        source="simulated" if all(truth.simulated for truth in rows) else "clinical",
        layouts=found_crops.layouts,
        maps=np.stack([found_crops.maps[truth.patient] for truth in found]),
        facts=tuple(truth.facts for truth in found),
    )


def truths(folder: Path, table: Path) -> list[Truth]:
    """The rows of a label table about the patients' folders in ``folder``; PerfuscopeError where it is none."""
    if not table.is_file():
        raise PerfuscopeError(f"{folder.name} has no {table.name} (columns patient_id and label): it is no data set.")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeError, csv.Error):
        raise PerfuscopeError(f"{table.name} cannot be read as a CSV table in UTF-8.") from None
    if not rows or not {"patient_id", "label"} <= rows[0].keys():
        raise PerfuscopeError(f"{table.name} needs the columns patient_id and label, and one row a patient.")
    found: dict[str, Truth] = {}
    for line, row in enumerate(rows, start=2):
        truth = _truth(folder, row, where=f"{table.name}, line {line}")
        if truth.patient in found:
            classes = {truth.label, found[truth.patient].label}
            both = f" ({' and '.join(sorted(classes))})" if len(classes) > 1 else ""
            raise PerfuscopeError(
                f"{table.name} names a patient twice in line {line}{both}; one row a patient is wanted."
            )
        found[truth.patient] = truth
    return list(found.values())


def _truth(folder: Path, row: Mapping[str, str], *, where: str) -> Truth:
    patient, label = (row["patient_id"] or "").strip(), (row["label"] or "").strip().lower()
    home = (folder / patient).resolve()
    if not patient or home.parent != folder.resolve():
        raise PerfuscopeError(f"{where}: patient_id must be the name of a folder beside it.")
    if label not in LABELS:
        raise PerfuscopeError(f"{where}: label must be one of {', '.join(LABELS)}.")
    return Truth(patient, home, Label(label), facts_of(row), is_simulated(row))
