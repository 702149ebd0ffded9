"""``perfuscope dataset``: from a hospital's screens to a data set that a training may believe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli import options
from cli.dataset_import import import_
from cli.dataset_layouts import known
from cli.dataset_made import add_synthetic, review, synthesize
from cli.dataset_show import patients_of, show, show_left_out
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from training.datasets.manifest import Shares

dataset_app = typer.Typer(
    help=(
        "Make data sets: labelled patients, cropped, split by patient, with a digest of every file.\n\n"
        "In this order: import, crop, split, verify. Then train RECIPE --data DATASET.\n\n"
        "Studies that staff reviewed on the pages come by import --from-database, cropped already.\n\n"
        "Pictures from an image generator come in by add-synthetic and review; synthesize makes "
        "defects in normal patients. docs/datasets.md goes through it."
    ),
    no_args_is_help=True,
)

DataSet = Annotated[Path, typer.Argument(metavar="DATASET", help="The data set's folder.")]


dataset_app.command("import")(import_)


@dataset_app.command()
@one_sentence
def crop(
    dataset: DataSet,
    *,
    drop_screens: Annotated[
        bool,
        typer.Option("--drop-screens", help="Then delete images/: the whole screens, with what is written on them."),
    ] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Cut every screen down to the maps that its layout keeps; text is not among them.

    A screen whose layout is not known stops it, named, and nothing is written:
    `perfuscope layout new` describes a layout. What was cropped is not cropped again.
    """
    from training.datasets import cropping
    from training.datasets import manifest as manifests

    console = Console()
    made = manifests.load(dataset)
    if not drop_screens or any(not patient.cropped for patient in made.patients):
        with counted(console, f"cropping {dataset.name}") as progress:
            found = known(home, config).layouts
            made = cropping.crop(dataset, layouts=found, command="dataset crop", progress=progress)
    if drop_screens:
        made = cropping.drop_screens(dataset, command="dataset crop --drop-screens")
    console.print(f"{dataset}: {patients_of(made)}; crops/ holds their crops.", highlight=False)
    left = sum(screen.image is not None for patient in made.patients for screen in patient.views.values())
    if left:
        console.print(
            f"images/ still holds {left} whole screens, with every name and date written on them: keep the folder "
            f"where patients' data may lie, or drop them with perfuscope dataset crop {dataset} --drop-screens",
            highlight=False,
        )
    console.print(f"Next: perfuscope dataset split {dataset}", highlight=False)


@dataset_app.command()
@one_sentence
def split(
    dataset: DataSet,
    *,
    shares: Annotated[str, typer.Option(help="Percent of the patients for train/validation/test.")] = "55/20/25",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same split.")] = 1,
) -> None:
    """Say who trains, who validates and who tests: by patient, every class in each.

    Patients that show the same under two ids, encoded again or lightly
    brightened, are found by a perceptual hash and stay in one subset.
    """
    from training.datasets import splitting

    console = Console()
    made, same = splitting.split(
        dataset, _shares(shares, seed), command=f"dataset split --shares {shares} --seed {seed}"
    )
    for group in same:
        console.print(f"the same under {len(group)} ids, kept together: {', '.join(group)}", highlight=False)
    show(console, made)
    console.print(f"Next: perfuscope dataset verify {dataset}", highlight=False)


@dataset_app.command()
@one_sentence
def verify(dataset: DataSet) -> None:
    """Prove that every file is the one that was split and that no two subsets share a patient or a picture.

    Training runs the same proof and refuses a data set that fails it.
    """
    from training.datasets import verifying

    console = Console()
    with counted(console, f"verifying {dataset.name}") as progress:
        found = verifying.verify(dataset, progress=progress)
    for sentence in found:
        typer.echo(sentence, err=True)
    if found:
        raise typer.Exit(1)
    console.print(f"{dataset}: every digest fits, and no patient or picture is in two subsets.", highlight=False)


@dataset_app.command("show")
@one_sentence
def show_(dataset: DataSet) -> None:
    """Show what a data set holds: classes, subsets, where patients come from, who was left out."""
    from training.datasets import manifest as manifests

    console = Console()
    made = manifests.load(dataset)
    show(console, made)
    show_left_out(console, made)


dataset_app.command("add-synthetic")(add_synthetic)
dataset_app.command()(review)
dataset_app.command()(synthesize)


def _shares(text: str, seed: int) -> "Shares":
    from training.datasets.manifest import Shares

    parts = text.split("/")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts) or sum(map(int, parts)) != 100:
        raise PerfuscopeError(f"--shares {text} must be three whole percentages that sum to 100, such as 55/20/25.")
    train, validation, test = (int(part) / 100 for part in parts)
    if not train:
        raise PerfuscopeError(f"--shares {text} leaves nobody to train.")
    return Shares(train=train, validation=validation, test=test, seed=seed)
