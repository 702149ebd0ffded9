"""What a data set holds, as tables that fit a terminal of 80 columns."""

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from cli.sentences import shown
from core.types import LABELS

if TYPE_CHECKING:
    from training.datasets.manifest import Manifest

_FEW = 10
"""Patients left out that are named one by one after a command; the manifest has all."""


def patients_of(manifest: "Manifest") -> str:
    """How many patients of each class, in a line."""
    counts = Counter(patient.label for patient in manifest.patients)
    listed = ", ".join(f"{counts[label]} {label.value}" for label in LABELS)
    left = f", {len(manifest.left_out)} left out" if manifest.left_out else ""
    return f"{len(manifest.patients)} {manifest.source} patients ({listed}){left}"


def show(console: Console, manifest: "Manifest") -> None:
    """Classes by subset, provenance, layouts, candidates and the commands that made it."""
    from training.datasets.dataset import SUBSETS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for label in LABELS:
        table.add_column(label.value, justify="right")
    table.add_column("patients", justify="right")
    split = manifest.split
    for subset in (*SUBSETS, None):
        members = [patient for patient in manifest.patients if patient.subset == subset]
        if members or (subset and split):
            counts = Counter(patient.label for patient in members)
            cells = [str(counts[label]) for label in LABELS]
            table.add_row(subset or "no subset", *cells, str(len(members)))
    console.print(table)
    for line in _lines(manifest):
        console.print(shown(line), highlight=False)


def show_left_out(console: Console, manifest: "Manifest") -> None:
    """Who was left out, and why."""
    for patient, why in list(manifest.left_out.items())[:_FEW]:
        console.print(f"  left out: {shown(patient)} ({shown(why)})", highlight=False)
    if len(manifest.left_out) > _FEW:
        console.print(f"  and {len(manifest.left_out) - _FEW} more: left_out in manifest.json", highlight=False)


def _lines(manifest: "Manifest") -> list[str]:
    from training.datasets import reviewing

    origins = Counter(str(patient.provenance) for patient in manifest.patients)
    crops = [screen.crop for patient in manifest.patients for screen in patient.views.values()]
    layouts = sorted({f"{crop.layout} {crop.layout_version}" for crop in crops if crop is not None})
    screens = sum(screen.image is not None for patient in manifest.patients for screen in patient.views.values())
    found = [
        f"source: {manifest.source}",
        "patients: " + ", ".join(f"{number} {origin}" for origin, number in origins.items()),
        f"layouts: {', '.join(layouts) or 'not cropped yet'}",
        f"whole screens in images/: {screens}",
    ]
    if manifest.split is not None:
        s = manifest.split
        found.append(f"split: {s.train:.0%} / {s.validation:.0%} / {s.test:.0%}, seed {s.seed}")
    if manifest.candidates:
        accepted, rejected, waiting = reviewing.tally(manifest.candidates)
        found.append(f"synthetic pictures: {accepted} accepted, {rejected} rejected, {waiting} waiting for review")
    return [*found, *(f"made by: {step.command} ({step.at:%Y-%m-%d})" for step in manifest.steps)]
