"""``perfuscope evaluate``: a model, or a recipe by cross-validation, on labelled patients, beside baselines."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from cli.evaluation import check_page, everything, recipe_by_folds
from cli.evaluation_tables import beside_the_card, figures_of, headline
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from models.artifact import Artifact
    from models.figures import Evaluation
    from training.datasets import Dataset
    from training.evaluation.answers import Answers
    from training.evaluation.result import Report

__all__ = ["evaluate", "figures_of"]


@one_sentence
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|RECIPE",
            help="An artifact's folder or the name of a shipped artifact; with --cv a recipe's file or name.",
        ),
    ],
    data: Annotated[Path, typer.Option(help="A folder of studies with truth.csv, as `simulate` writes it.")],
    *,
    cv: Annotated[
        str | None,
        typer.Option(
            metavar="REPEATSxFOLDS",
            help="Judge the recipe by cross-validation: 5x2 trains ten networks, each on half of the patients.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Where --cv keeps its folds; a stopped run goes on from there. Default: beside DATA."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the whole report as one HTML file.")
    ] = None,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="What to print.")] = "table",
) -> None:
    """Score a model, or a recipe with --cv, on labelled patients, beside baselines on the same patients.

    The table needs no TensorFlow and no extra. The report (--html; "report" in
    the JSON, where the training extra is installed) adds intervals by bootstrap,
    curves, reliability, baselines, subgroups and the patients most wrong.

      perfuscope evaluate mobilenet-sim-1 --data PATIENTS --html report.html
      perfuscope evaluate simulated --data PATIENTS --cv 5x2 --html report.html

    Simulated patients are no clinical evidence.
    """
    check_page(page)
    screen = Console(stderr=output == "json")
    if cv is not None:
        _recipe(model, data, cv=cv, run=run, page=page, screen=screen, as_json=output == "json")
    else:
        _model(model, data, page=page, screen=screen, as_json=output == "json")


def _recipe(
    recipe: str, data: Path, *, cv: str, run: Path | None, page: Path | None, screen: Console, as_json: bool
) -> None:
    found = recipe_by_folds(recipe, data, cv=cv, run=run, page=page, screen=screen, command=_command())
    if as_json:
        typer.echo(json.dumps([{"recipe": recipe, "report": found.model_dump(mode="json")}], indent=1))
        return
    screen.print(headline(found))
    _say_where(screen, page)


def _model(model: str, data: Path, *, page: Path | None, screen: Console, as_json: bool) -> None:
    from models import artifact
    from models.classifier import Classifier
    from training import datasets
    from training.evaluation import model as models

    found = artifact.load(artifact.find(model))
    with counted(screen, "reading") as progress:
        everybody = datasets.read(data, progress=progress)
    patients = _unseen(everybody, data, screen)
    with counted(screen, "classifying") as progress:
        answers = models.judge(Classifier(found, threads=2), patients, progress=progress)
    figures = models.figures(answers, patients, name=data.resolve().name, card=found.card)
    report = _report(found, patients, answers, data=data, page=page, screen=screen, wanted=as_json)
    if as_json:
        typer.echo(json.dumps([_item(found, figures, report)], indent=1))
        return
    _show(screen, found, figures, patients)
    _say_where(screen, page)


def _unseen(everybody: "Dataset", data: Path, screen: Console) -> "Dataset":
    """Whom the figures count; of a data set that is split that is its test part, and it is said."""
    patients = everybody.unseen()
    if not patients.patients:
        raise PerfuscopeError(f"{data} has nobody in its test part to be judged on.")
    if len(patients.patients) < len(everybody.patients):
        of = f"the {len(patients.patients)} of {len(everybody.patients)} patients in the test part"
        screen.print(f"{data.resolve().name} is split: {of} are judged.", highlight=False)
    return patients


def _report(
    found: "Artifact",
    patients: "Dataset",
    answers: "Answers",
    *,
    data: Path,
    page: Path | None,
    screen: Console,
    wanted: bool,
) -> "Report | None":
    from cli.evaluation import has_extra

    if page is None and not (wanted and has_extra()):
        return None
    return everything(found, patients, answers, home=data, page=page, screen=screen, command=_command())


def _item(found: "Artifact", figures: "Evaluation", report: "Report | None") -> dict[str, Any]:
    name = {"name": found.card.name, "version": found.card.version, "sha256": found.identity.sha256}
    whole = None if report is None else report.model_dump(mode="json")
    return {"model": name, "statement": found.card.statement, **figures.model_dump(mode="json"), "report": whole}


def _show(screen: Console, found: "Artifact", figures: "Evaluation", patients: "Dataset") -> None:
    screen.print(figures_of(figures))
    if patients.left_out:
        screen.print(f"{len(patients.left_out)} patients were left out: {', '.join(patients.left_out)}.")
    screen.print(beside_the_card(figures, found.card.evaluations))
    screen.print(f"[dim]{found.card.statement}[/dim]")


def _command() -> str:
    """What was typed, as the report's lineage keeps it."""
    return " ".join(["perfuscope", *sys.argv[1:]])


def _say_where(screen: Console, page: Path | None) -> None:
    if page is not None:
        screen.print(f"The report is in {page}.", highlight=False)
