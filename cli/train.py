"""``perfuscope train``: from labelled patients to a model artifact."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from models.figures import Evaluation
    from training.datasets import Dataset


@one_sentence
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe (simulated).")],
    data: Annotated[Path, typer.Option(help="A folder of studies with truth.csv, as `simulate` writes it.")],
    out: Annotated[Path, typer.Option(help="The artifact's folder; must not exist or be empty.")],
    *,
    weights: Annotated[
        str | None,
        typer.Option(help="`imagenet` (Keras downloads them), `none`, or a weights file; default: the recipe's."),
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Patients that decide nothing; their figures go into the card.")
    ] = None,
) -> None:
    """Train a model by a recipe and write its artifact: network, card, figures. Needs the training extra."""
    if find_spec("tensorflow") is None:
        raise PerfuscopeError('Training needs TensorFlow: pip install "perfuscope[training]".')
    from training import export, fit
    from training import recipe as recipes

    chosen = recipes.read(recipes.find(recipe))
    if weights is not None:
        chosen = chosen.model_copy(update={"weights": weights})
    _check_weights(chosen.weights)
    export.check_free(out)
    console = Console()
    patients, others = _read(console, data), _read(console, held_out) if held_out else None
    if others:
        export.check_apart(patients, others)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    fitted = fit.fit(patients, chosen, say=say)
    made = export.export(fitted, chosen, data=patients, held_out=others, out=out, say=say)
    _show(console, made.card.evaluations)
    console.print(f"{made.card.name} {made.card.version} is in {out}.", highlight=False)
    console.print(made.card.statement, style="dim")


def _check_weights(weights: str) -> None:
    if weights not in {"imagenet", "none"} and not Path(weights).is_file():
        raise PerfuscopeError(f"Weights must be imagenet, none or a file; {weights} is not there.")


def _read(console: Console, folder: Path) -> "Dataset":
    from training import datasets

    with counted(console, f"reading {folder.name}") as progress:
        open_ = datasets.verified if (folder / datasets.MANIFEST).is_file() else datasets.read
        patients = open_(folder, progress=progress)
    counts = ", ".join(f"{n} {label.value}" for label, n in patients.counts().items())
    console.print(f"{folder.name}: {len(patients.patients)} patients ({counts})", highlight=False)
    for patient, why in patients.left_out.items():
        console.print(f"  left out: {patient} ({why})", highlight=False)
    return patients


def _show(console: Console, evaluations: "tuple[Evaluation, ...]") -> None:
    from cli.evaluate import figures_of

    for evaluation in evaluations:
        console.print(figures_of(evaluation))
