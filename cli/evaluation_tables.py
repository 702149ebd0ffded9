"""Evaluations as tables for a terminal of 80 columns."""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.types import LABELS

if TYPE_CHECKING:
    from models.figures import Evaluation, Figures, Proportion
    from training.evaluation.bootstrap import Estimate
    from training.evaluation.result import Report


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


def beside_the_card(figures: "Evaluation", known: "tuple[Evaluation, ...]") -> str:
    """Whether the card holds figures for the same patients, and the same ones."""
    same = [old for old in known if old.truth_sha256 == figures.truth_sha256 and old.patients == figures.patients]
    if not same:
        return "The card holds no figures for these patients."
    if same[0].study.confusion == figures.study.confusion:
        return f"These are the card's figures ({same[0].data})."
    return f"[bold]These are not the card's figures[/bold] for the same patients ({same[0].data})."


def headline(report: "Report") -> RenderableType:
    """A cross-validation in short: the recipe and the baselines with intervals, the spread of its folds."""
    table = Table(title=f"{report.data}: {report.patients} patients, {report.source}", title_justify="left")
    for heading in ("", "balanced accuracy", "AUC", "accuracy"):
        table.add_column(heading, justify="right" if heading else "left")
    rows = [("[bold]this recipe[/bold]", report.study.scores)]
    rows += [(other.name, other.scores) for other in report.baselines if other.scores]
    for name, scores in rows:
        table.add_row(name, _estimate(scores.balanced_accuracy), _estimate(scores.auc), _share(scores.accuracy))
    single = [fold.balanced_accuracy for fold in report.folds]
    spread = f"Single folds reach {min(single):.3f} to {max(single):.3f}. " if single else ""
    note = f"{report.summary} {spread}Balanced accuracy and AUC with 95 % intervals (patient-cluster bootstrap)."
    missing = [f"{other.name}: {other.missing}." for other in report.baselines if other.missing]
    return Group(table, Text(" ".join([note, *missing]), style="dim"))


def _estimate(found: "Estimate") -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f})"
