"""``perfuscope evaluate``: the figures of a model on labelled patients, by LiteRT alone."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.sentences import counted, one_sentence
from core.types import LABELS

if TYPE_CHECKING:
    from models.figures import Evaluation, Figures, Proportion


@one_sentence
def evaluate(
    model: Annotated[str, typer.Argument(help="An artifact's folder, or the name of a shipped artifact.")],
    data: Annotated[Path, typer.Option(help="A folder of studies with truth.csv, as `simulate` writes it.")],
    *,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="What to print.")] = "table",
) -> None:
    """Score a model on labelled patients. Needs no TensorFlow; simulated patients are no clinical evidence."""
    from models import artifact
    from models.classifier import Classifier
    from training import datasets
    from training import evaluate as evaluation

    found = artifact.load(artifact.find(model))
    screen = Console(stderr=output == "json")
    with counted(screen, "reading") as progress:
        patients = datasets.read(data, progress=progress)
    with counted(screen, "classifying") as progress:
        figures = evaluation.evaluate(
            Classifier(found, threads=2),
            patients,
            name=data.resolve().name,
            progress=progress,
        )
    if output == "json":
        model_name = {"name": found.card.name, "version": found.card.version, "sha256": found.identity.sha256}
        item = {"model": model_name, "statement": found.card.statement, **figures.model_dump(mode="json")}
        typer.echo(json.dumps([item], indent=1))
        return
    screen.print(figures_of(figures))
    if patients.left_out:
        screen.print(f"{len(patients.left_out)} patients were left out: {', '.join(patients.left_out)}.")
    screen.print(_beside_the_card(figures, found.card.evaluations))
    screen.print(f"[dim]{found.card.statement}[/dim]")


def figures_of(evaluation: "Evaluation") -> RenderableType:
    """An evaluation as tables that fit 80 columns: model, views and baselines, then the confusion matrix."""
    table = Table(
        title=f"{evaluation.data}: {evaluation.patients} patients, {evaluation.source}",
        title_justify="left",
        title_style="bold",
    )
    for heading, justify in (("", "left"), ("accuracy", "right"), *((label.value, "right") for label in LABELS)):
        table.add_column(heading, justify="left" if justify == "left" else "right")
    table.add_column("AUC", justify="right")
    table.add_row("[bold]study[/bold]", *_cells(evaluation.study, interval=True), end_section=True)
    for view, figures in evaluation.views.items():
        table.add_row(view.value, *_cells(figures, interval=False))
    table.add_section()
    for baseline in evaluation.baselines:
        table.add_row(f"[dim]{baseline.name}[/dim]", *_cells(baseline.figures, interval=False))
    study = evaluation.study
    notes = (
        f"Columns: recall of each label with the Wilson 95 % interval; AUC of abnormal against normal.\n"
        f"Brier {study.brier}, NLL {study.nll}, balanced accuracy {study.balanced_accuracy}. "
        f"Needs review: {_share(evaluation.needs_review)}; "
        f"right among the others: {_share(evaluation.accuracy_of_accepted)}."
    )
    return Group(table, Text(notes, style="dim"), _confusion(study))


def _cells(figures: "Figures", *, interval: bool) -> list[str]:
    proportions = [figures.accuracy, *(figures.recall[label] for label in LABELS)]
    auc = "" if figures.auc_abnormal is None else f"{figures.auc_abnormal:.3f}"
    return [*(_percent(p, interval=interval) for p in proportions), auc]


def _percent(p: "Proportion", *, interval: bool) -> str:
    if p.value is None:
        return "-"
    if not interval:
        return f"{p.value:.1%}"
    return f"[bold]{p.value:.1%}[/bold]\n{p.low * 100:.0f}-{p.high * 100:.0f} %\n{p.hits}/{p.n}"


def _share(p: "Proportion") -> str:
    return "-" if p.value is None else f"{p.hits} of {p.n} ({p.value:.1%})"


def _confusion(figures: "Figures") -> Table:
    table = Table(title="Rows: truth. Columns: answer.", title_justify="left", title_style="dim")
    table.add_column("")
    for label in LABELS:
        table.add_column(label.value, justify="right")
    for i, label in enumerate(LABELS):
        row = [f"[bold]{n}[/bold]" if i == j else str(n) for j, n in enumerate(figures.confusion[i])]
        table.add_row(label.value, *row)
    return table


def _beside_the_card(figures: "Evaluation", known: "tuple[Evaluation, ...]") -> str:
    same = [old for old in known if old.truth_sha256 == figures.truth_sha256 and old.patients == figures.patients]
    if not same:
        return "The card holds no figures for these patients."
    if same[0].study.confusion == figures.study.confusion:
        return f"These are the card's figures ({same[0].data})."
    return f"[bold]These are not the card's figures[/bold] for the same patients ({same[0].data})."
