"""Patients that no camera saw: pictures from a generator, reviewed, and defects put into normal patients."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli import options
from cli.dataset_layouts import known
from cli.dataset_show import show
from cli.operator import actor
from cli.sentences import counted, one_sentence, shown
from core.errors import PerfuscopeError
from core.types import Label

DataSet = Annotated[Path, typer.Argument(metavar="DATASET", help="The data set's folder, split already.")]


class Kind(StrEnum):
    """What a synthesized defect does at rest."""

    REVERSIBLE = "reversible"
    FIXED = "fixed"


@one_sentence
def add_synthetic(
    dataset: DataSet,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Pictures named <case>_<view>, all three views a case.")
    ],
    *,
    label: Annotated[Label, typer.Option(help="What the pictures are to show.")],
    generator: Annotated[str, typer.Option(help="The image generator's name and version.")],
    prompt: Annotated[str, typer.Option(help="What it was asked for.")] = "",
    validation: Annotated[
        bool, typer.Option("--validation", help="Some accepted cases also validate; none ever tests.")
    ] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Take in pictures that were generated elsewhere, as candidates only.

    Nothing uses a candidate before a person accepted it (`dataset review`), and
    a case is used when its three views were accepted. A picture is a screen of a
    known layout, or a square made after a crop of this data set: it is brought
    to the crop's size, and black outside the maps.
    """
    from training.datasets import synthetic

    console = Console()
    origin = synthetic.Origin(label=label, generator=generator, prompt=prompt, validation=validation)
    made, refused = synthetic.add(
        dataset,
        folder,
        origin,
        layouts=known(home, config).layouts,
        command=f"dataset add-synthetic {folder.name} --label {label.value}",
    )
    for name, why in refused.items():
        console.print(f"  not taken: {shown(name)} ({shown(why)})", highlight=False)
    waiting = sum(candidate.decision is None for candidate in made.candidates)
    console.print(f"{waiting} candidates wait; next: perfuscope dataset review {dataset}", highlight=False)


@one_sentence
def review(
    dataset: DataSet,
    *,
    by: Annotated[str, typer.Option(help="Who decides; default: the account that runs the command.")] = "",
    decide: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="No window: a CSV with file, decision (accept or reject) and by."),
    ] = None,
) -> None:
    """Accept or reject candidates, each beside its nearest real neighbours.

    Keys: a accepts, r rejects, u takes the last decision back, q stops. Every
    decision is saved at once with who made it and when; a later review goes on.
    """
    from training.datasets import manifest as manifests
    from training.datasets import reviewing

    console = Console()
    if not manifests.load(dataset).candidates:
        raise PerfuscopeError(f"{dataset} has no candidates: take some in with perfuscope dataset add-synthetic.")
    if decide is not None:
        reviewing.decide_by_table(dataset, decide, command=f"dataset review --decide {decide.name}")
    else:
        _window(dataset, by or actor())
    show(console, manifests.load(dataset))


def _window(dataset: Path, by: str) -> None:
    try:
        import tkinter as tk
    except ImportError:
        raise PerfuscopeError("This Python has no Tk for a window; decide with --decide FILE.") from None
    from training.datasets import review_window

    try:
        review_window.review(dataset, by=by)
    except tk.TclError:
        raise PerfuscopeError("There is no display for a window; decide with --decide FILE.") from None


@one_sentence
def synthesize(
    dataset: DataSet,
    *,
    count: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="How many patients to make.")],
    defect: Annotated[
        Kind, typer.Option(help="reversible makes ischemia, fixed makes infarction.", case_sensitive=False)
    ] = Kind.REVERSIBLE,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same patients.")] = 1,
) -> None:
    """Put a defect into normal patients of the training subset and add them there.

    The maps' colours become counts, a defect in the territory of one coronary
    artery is put into all of them (perfusion, difference, motion, thickening),
    and they are coloured again; nothing outside the maps changes. The manifest
    has artery, AHA segments and depth. Whether it helps is for `evaluate` to say.
    """
    from training.datasets import synthesizing

    console = Console()
    wish = synthesizing.Wish(count=count, defect="reversible" if defect is Kind.REVERSIBLE else "fixed", seed=seed)
    command = f"dataset synthesize --count {count} --defect {defect.value} --seed {seed}"
    with counted(console, "synthesizing") as progress:
        made = synthesizing.synthesize(dataset, wish, command=command, progress=progress)
    show(console, made)
