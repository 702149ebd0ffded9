"""The report's pictures, each from the numbers that the report also holds."""

from collections.abc import Sequence
from typing import Any

from core.types import LABELS
from training.evaluation.bootstrap import Estimate
from training.evaluation.drawing import ACCENT, GROUND, INK, LABEL_COLOURS, QUIET, RULE, square, svg
from training.evaluation.levels import Curve, Level
from training.evaluation.result import Report

_DASHES = {"abnormal": "-", **{label.value: "--" for label in LABELS}}


def confusion(level: Level, *, name: str) -> str:
    """The confusion matrix: counts, with the share of each row as shade."""

    def draw(axes: Any) -> None:
        for i, row in enumerate(level.confusion):
            total = max(1, sum(row))
            for j, count in enumerate(row):
                axes.fill_between((j, j + 1), i, i + 1, facecolor=ACCENT, alpha=0.06 + 0.7 * count / total, linewidth=0)
                axes.text(j + 0.5, i + 0.45, str(count), ha="center", va="center", size=13, weight="bold")
                axes.text(j + 0.5, i + 0.72, f"{100 * count / total:.0f} %", ha="center", va="center", size=8.5)
        names = [label.value for label in LABELS]
        axes.set(xlim=(0, 3), ylim=(3, 0), xlabel="answer", ylabel="truth", aspect="equal")
        axes.set_xticks([0.5, 1.5, 2.5], names)
        axes.set_yticks([0.5, 1.5, 2.5], names, rotation=90, va="center")
        axes.vlines((1, 2), 0, 3, color=GROUND, linewidth=3)
        axes.hlines((1, 2), 0, 3, color=GROUND, linewidth=3)
        axes.spines[:].set_visible(False)

    return svg(draw, name=name, title="Confusion matrix", width=4.2)


def roc(curves: Sequence[Curve], *, name: str) -> str:
    """ROC curves with their areas in the legend."""

    def draw(axes: Any) -> None:
        axes.plot((0, 1), (0, 1), color=RULE, linewidth=1)
        _lines(axes, curves, "AUC")
        square(axes, "false positive rate", "true positive rate")
        axes.legend(loc="lower right", labelcolor=INK, fontsize=8.5)

    return svg(draw, name=name, title="ROC curves")


def precision_recall(curves: Sequence[Curve], *, name: str) -> str:
    """Precision over recall with the average precision in the legend."""

    def draw(axes: Any) -> None:
        _lines(axes, curves, "AP")
        square(axes, "recall", "precision")
        axes.legend(loc="lower left", labelcolor=INK, fontsize=8.5)

    return svg(draw, name=name, title="Precision and recall")


def _lines(axes: Any, curves: Sequence[Curve], area: str) -> None:
    for curve in curves:
        colour = LABEL_COLOURS.get(curve.name, INK)
        label = f"{curve.name if curve.name != 'abnormal' else 'abnormal vs normal'}  {area} {curve.area:.3f}"
        width = 2.2 if curve.name == "abnormal" else 1.4
        axes.plot(curve.x, curve.y, color=colour, linewidth=width, linestyle=_DASHES[curve.name], label=label)


def reliability(level: Level, *, name: str) -> str:
    """How many answers of a confidence were right, with Wilson's intervals."""

    def draw(axes: Any) -> None:
        axes.plot((0, 1), (0, 1), color=RULE, linewidth=1)
        for found in level.reliability:
            axes.vlines(found.confidence, found.right.low, found.right.high, color=ACCENT, linewidth=1.4, alpha=0.6)
        xs = [found.confidence for found in level.reliability]
        ys = [found.right.value for found in level.reliability]
        axes.plot(xs, ys, "o-", color=ACCENT, markersize=5, linewidth=1)
        square(axes, "confidence (highest probability)", "share of right answers")
        if not level.reliability:
            axes.text(0.5, 0.5, "fewer than ten patients", ha="center", color=QUIET)

    return svg(draw, name=name, title="Reliability")


def risk_coverage(report: Report, *, name: str) -> str:
    """The share of wrong answers among the surest studies; the shaded part needs review."""

    def draw(axes: Any) -> None:
        coverage = [point.coverage for point in report.risk_coverage]
        risk = [point.risk for point in report.risk_coverage]
        accepted = report.review.accepted.value or 0.0
        axes.axvspan(accepted, 1, color=ACCENT, alpha=0.12, linewidth=0)
        axes.plot(coverage, risk, color=INK, linewidth=1.8)
        axes.hlines(report.review.target, 0, 1, color=QUIET, linewidth=1, linestyle=":")
        top = max(0.12, 1.15 * max(risk))
        axes.text(min(accepted + 0.015, 0.8), 0.97 * top, "needs review", color=QUIET, va="top", size=8.5)
        axes.set(xlim=(0, 1), ylim=(0, top), xlabel="coverage: share of studies accepted, surest first")
        axes.set_ylabel("risk: share wrong among them")
        axes.grid(visible=True)

    return svg(draw, name=name, title="Risk and coverage")


def forest(report: Report, *, name: str) -> str:
    """Balanced accuracy and AUC of the model and of every baseline, with intervals."""
    rows = [("this " + ("model" if report.kind == "model" else "recipe"), report.study.scores)]
    rows += [(other.name, other.scores) for other in report.baselines if other.scores is not None]

    def draw(axes: Any) -> None:
        for i, (_, found) in enumerate(rows):
            _whisker(axes, found.balanced_accuracy, i - 0.13, ACCENT, "o")
            _whisker(axes, found.auc, i + 0.17, QUIET, "D")
        axes.axvline(1 / 3, color=RULE, linewidth=1)
        axes.set(xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.6))
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        axes.get_yticklabels()[0].set(weight="bold", color=INK)
        axes.set_xticks((0, 0.25, 1 / 3, 0.5, 0.75, 1), ["0", ".25", "⅓", ".5", ".75", "1"])
        axes.plot([], [], "o", color=ACCENT, label="balanced accuracy")
        axes.plot([], [], "D", color=QUIET, markersize=4, label="AUC, abnormal vs normal")
        axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, labelcolor=INK, fontsize=8.5)
        axes.spines["left"].set_visible(False)

    return svg(draw, name=name, title="The model and the baselines", width=7.6, height=1.0 + 0.48 * len(rows))


def _whisker(axes: Any, found: Estimate, y: float, colour: str, marker: str) -> None:
    if found.value is None:
        return
    axes.hlines(y, found.low, found.high, color=colour, linewidth=2, alpha=0.55)
    axes.plot(found.value, y, marker, color=colour, markersize=6 if marker == "o" else 4)


def folds(report: Report, *, name: str) -> str:
    """The balanced accuracy of every fold, a column a repeat."""

    def draw(axes: Any) -> None:
        for fold in report.folds:
            shift = (fold.fold - 1) * 0.12 - 0.06
            axes.plot(fold.repeat + shift, fold.balanced_accuracy, "o", color=ACCENT, markersize=6)
        axes.axhline(1 / 3, color=RULE, linewidth=1)
        axes.set(ylim=(0, 1), xlabel="repeat", ylabel="balanced accuracy of a fold")
        axes.set_xticks(sorted({fold.repeat for fold in report.folds}))
        axes.margins(x=0.15)
        axes.grid(visible=True, axis="y")

    return svg(draw, name=name, title="Spread over folds")
