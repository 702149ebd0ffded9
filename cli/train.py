"""``perfuscope train``: from labelled patients to a model artifact, or to a table of trials."""

import resource
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.sentences import one_sentence
from cli.train_kinds import by_study, by_views, read, sayer, verified
from cli.training_progress import watched
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from models.figures import Evaluation
    from training.datasets import Dataset
    from training.fit.recipe import ViewsRecipe
    from training.fit.sweep import Result
    from training.recipe import Recipe


@one_sentence
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or a shipped recipe's name (original, study).")],
    data: Annotated[Path, typer.Option(help="A data set that is cropped and split: see `perfuscope dataset`.")],
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
    from training import artifact_folder
    from training.fit.recipe import ViewsRecipe

    chosen = _recipe(recipe, weights)
    by_patient = not isinstance(chosen, ViewsRecipe)
    if sweep and (held_out or run or int8 or discard_run):
        raise PerfuscopeError("--sweep makes no model: it goes with --data, --out and --weights alone.")
    if by_patient and (sweep or int8 or weights):
        raise PerfuscopeError(f"--sweep, --int8 and --weights go with recipes of the kind views, not with {recipe}.")
    if not sweep:
        artifact_folder.check_free(out)
    console = Console()
    patients, others = verified(console, data), read(console, held_out) if held_out else None
    if others:
        artifact_folder.check_apart(patients, others)
    if sweep and isinstance(chosen, ViewsRecipe):
        _sweep(console, patients, chosen, out)
        return
    home = run or out.with_name(f"{out.name}.run")
    if isinstance(chosen, ViewsRecipe):
        card = by_views(console, patients, chosen, held_out=others, run=home, out=out, int8=int8)
    else:
        card = by_study(console, patients, chosen, held_out=others, run=home, out=out)
    _show(console, card.evaluations)
    _end(console, home, discard=discard_run)
    console.print(f"{card.name} {card.version} is in {out}.", highlight=False)
    console.print(card.statement, style="dim")


def _recipe(name: str, weights: str | None) -> "Recipe":
    from training import recipe as recipes

    chosen = recipes.read(recipes.find(name))
    if not isinstance(chosen, recipes.ViewsRecipe):
        return chosen
    if weights is not None:
        chosen = chosen.model_copy(update={"weights": weights})
    if chosen.weights not in {"imagenet", "none"} and not Path(chosen.weights).is_file():
        raise PerfuscopeError(f"Weights must be imagenet, none or a file; {chosen.weights} is not there.")
    return chosen


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
        for result in sweeping.sweep(patients, recipe, out, say=sayer(console), watch=watch):
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
