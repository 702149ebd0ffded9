"""The two kinds of training behind ``perfuscope train``, and the patients it reads."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cli.sentences import counted
from cli.training_progress import watched

if TYPE_CHECKING:
    from models.card import Card
    from training.datasets import Dataset
    from training.fit.recipe import ViewsRecipe
    from training.study.recipe import StudyRecipe


def by_views(
    console: Console,
    patients: "Dataset",
    recipe: "ViewsRecipe",
    *,
    held_out: "Dataset | None",
    run: Path,
    out: Path,
    int8: bool,
) -> "Card":
    """Train one image, one decision; the card of the artifact in ``out``."""
    from training import export, fit
    from training.lineage import command

    say = sayer(console)
    with watched(console) as watch:
        fitted = fit.fit(patients, recipe, run=run, say=say, watch=watch)
    typed = command(sys.argv)
    return export.export(
        fitted, recipe, data=patients, held_out=held_out, out=out, say=say, int8=int8, typed=typed
    ).card


def by_study(
    console: Console,
    patients: "Dataset",
    recipe: "StudyRecipe",
    *,
    held_out: "Dataset | None",
    run: Path,
    out: Path,
) -> "Card":
    """Train one decision a patient; the card of the artifact in ``out``."""
    from training.fit import make_repeatable
    from training.lineage import command
    from training.study import artifact, fitting

    say = sayer(console)
    make_repeatable(recipe.seed)
    with counted(console, "simulating patients to learn from first") as progress:
        fitted = fitting.fit(patients, recipe, run=run, say=say, progress=progress, workers=os.cpu_count() or 1)
    typed = command(sys.argv)
    return artifact.export(fitted, recipe, data=patients, held_out=held_out, out=out, say=say, typed=typed).card


def verified(console: Console, folder: Path) -> "Dataset":
    """The data set in ``folder``; PerfuscopeError unless it is cropped, split and what its manifest says."""
    from training import datasets

    with counted(console, f"verifying {folder.name}") as progress:
        patients = datasets.verified(folder, progress=progress)
    return _told(console, folder, patients)


def read(console: Console, folder: Path) -> "Dataset":
    """The patients of a data set, or of a folder of studies with truth.csv."""
    from training import datasets

    with counted(console, f"reading {folder.name}") as progress:
        patients = datasets.read(folder, progress=progress)
    return _told(console, folder, patients)


def _told(console: Console, folder: Path, patients: "Dataset") -> "Dataset":
    counts = ", ".join(f"{n} {label.value}" for label, n in patients.counts().items())
    console.print(f"{folder.name}: {len(patients.patients)} patients ({counts})", highlight=False)
    for patient, why in patients.left_out.items():
        console.print(f"  left out: {patient} ({why})", highlight=False)
    return patients


def sayer(console: Console) -> Callable[[str], None]:
    """What prints a line as it is."""
    return lambda line: console.print(line, highlight=False)
