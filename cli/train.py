"""``perfuscope train``: from labelled patients to a model artifact, or to a table of trials."""

import resource
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.sentences import counted, one_sentence
from cli.training_progress import watched
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from models.figures import Evaluation
    from training.dataset import Dataset
    from training.fit.recipe import ViewsRecipe
    from training.fit.sweep import Result


@one_sentence
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or a shipped recipe's name (original, simulated).")],
    data: Annotated[Path, typer.Option(help="A folder of studies with truth.csv, as `simulate` writes it.")],
    out: Annotated[
        Path, typer.Option(help="The artifact's folder; must not exist or be empty. With --sweep: results.")
    ],
    *,
    weights: Annotated[
        str | None,
        typer.Option(help="`imagenet` (Keras downloads them), `none`, or a weights file; default: the recipe's."),
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Patients that decide nothing; their figures go into the card.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Checkpoints, log, curves, TensorBoard; default: OUT.run. A killed training goes on there."),
    ] = None,
    discard_run: Annotated[
        bool, typer.Option("--discard-run", help="Delete the run's folder when the artifact is written.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Add a variant in 8-bit integers, with figures of its own.")
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Instead of a model: the recipe's trials as one table and one picture in OUT."),
    ] = False,
) -> None:
    """Train a model by a recipe and write its artifact: network, card, figures. Needs the training extra.

    Type the same command again after a kill, and it goes on from the last epoch to the same model.
    """
    if find_spec("tensorflow") is None:
        raise PerfuscopeError('Training needs TensorFlow: pip install "perfuscope[training]".')
    from training import export, fit
    from training.lineage import command

    if sweep and (held_out or run or int8 or discard_run):
        raise PerfuscopeError("--sweep makes no model: it goes with --data, --out and --weights alone.")
    chosen = _recipe(recipe, weights)
    if not sweep:
        export.check_free(out)
    console = Console()
    patients, others = _read(console, data), _read(console, held_out) if held_out else None
    if others:
        export.check_apart(patients, others)
    if sweep:
        _sweep(console, patients, chosen, out)
        return
    home = run or out.with_name(f"{out.name}.run")
    say = _sayer(console)
    with watched(console) as watch:
        fitted = fit.fit(patients, chosen, run=home, say=say, watch=watch)
    made = export.export(
        fitted, chosen, data=patients, held_out=others, out=out, say=say, int8=int8, typed=command(sys.argv)
    )
    _show(console, made.card.evaluations)
    _end(console, home, discard=discard_run)
    console.print(f"{made.card.name} {made.card.version} is in {out}.", highlight=False)
    console.print(made.card.statement, style="dim")


def _recipe(name: str, weights: str | None) -> "ViewsRecipe":
    from training import recipe as recipes

    chosen = recipes.read(recipes.find(name))
    if weights is not None:
        chosen = chosen.model_copy(update={"weights": weights})
    if chosen.weights not in {"imagenet", "none"} and not Path(chosen.weights).is_file():
        raise PerfuscopeError(f"Weights must be imagenet, none or a file; {chosen.weights} is not there.")
    return chosen


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, highlight=False)


def _read(console: Console, folder: Path) -> "Dataset":
    from training import dataset

    with counted(console, f"reading {folder.name}") as progress:
        patients = dataset.read(folder, progress=progress)
    counts = ", ".join(f"{n} {label.value}" for label, n in patients.counts().items())
    console.print(f"{folder.name}: {len(patients.patients)} patients ({counts})", highlight=False)
    for patient, why in patients.left_out.items():
        console.print(f"  left out: {patient} ({why})", highlight=False)
    return patients


def _show(console: Console, evaluations: "tuple[Evaluation, ...]") -> None:
    from cli.evaluate import figures_of

    for evaluation in evaluations:
        console.print(figures_of(evaluation))


def _end(console: Console, run: Path, *, discard: bool) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes on Linux
    if discard:
        shutil.rmtree(run)
    kept = "" if discard else f" Log, curves and TensorBoard's files are in {run}."
    console.print(f"Memory at most {peak:.1f} GB.{kept}", highlight=False)


def _sweep(console: Console, patients: "Dataset", recipe: "ViewsRecipe", out: Path) -> None:
    from training.fit import sweep as sweeping
    from training.fit import sweep_table

    results: list[Result] = []
    about = f"{recipe.name}: trials on {len(patients.patients)} {patients.source} patients"
    with watched(console) as watch:
        for result in sweeping.sweep(patients, recipe, out, say=_sayer(console), watch=watch):
            results.append(result)
            sweep_table.write(results, out, about=about)
    console.print(_trials(results, about))
    console.print(f"{sweeping.TABLE} and {sweeping.PICTURE} are in {out}.", highlight=False)


def _trials(results: "list[Result]", about: str) -> Table:
    table = Table(title=f"{about}; figures of the validation part", title_justify="left")
    for heading in ("trial", "loss", "images right", "patients, balanced", "epochs", "seconds"):
        table.add_column(heading, justify="left" if heading == "trial" else "right")
    for result in results:
        figures = (result.validation_loss, result.image_accuracy, result.patient_balanced_accuracy)
        shown = ["-" if figure is None else f"{figure:.3f}" for figure in figures]
        table.add_row(result.trial, *shown, str(result.epochs), f"{result.seconds:.0f}")
    return table
