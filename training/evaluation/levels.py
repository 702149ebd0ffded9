"""The figures of one model at one level, patients or images: scores, a row a label, confusion, curves, reliability."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Label
from models.figures import Proportion, Record
from training.evaluation.answers import Answers, Floats
from training.evaluation.bootstrap import Estimate, estimates

Table = tuple[tuple[int, ...], ...]

_FEWEST_IN_BIN = 10
_MOST_POINTS = 120


class Scores(Record):
    """The measures with their intervals: Wilson's for the accuracy, the patient-cluster bootstrap's for the others."""

    n: int
    accuracy: Proportion
    balanced_accuracy: Estimate
    macro_f1: Estimate
    auc: Estimate
    """Abnormal against normal."""
    brier: Estimate | None
    nll: Estimate | None


class LabelRow(Record):
    """One label: proportions with Wilson's intervals, the AUC (this label against the others) with the bootstrap's."""

    label: Label
    n: int
    recall: Proportion
    precision: Proportion
    specificity: Proportion
    f1: float | None
    auc: Estimate


class Curve(Record):
    """A line of a plot: false and true positive rate, or recall and precision."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


class Bin(Record):
    """Answers of like confidence: what was promised, and how many were right."""

    confidence: float
    right: Proportion


class Level(Record):
    """Everything that is said of patients, or of images."""

    scores: Scores
    labels: tuple[LabelRow, ...]
    confusion: Table
    """A row for each true label, a column for each answer; the sum over all repeats."""
    classification_report: str
    """scikit-learn's own table, over all repeats."""
    roc: tuple[Curve, ...]
    pr: tuple[Curve, ...]
    reliability: tuple[Bin, ...]


def level(labels: NDArray[np.intp], answers: Answers, drawn: Floats) -> Level:
    """The figures of ``answers``; with several items a patient (images) these follow each other and go together."""
    truth = np.repeat(labels, answers.study.shape[1] // len(labels))
    found = estimates(labels, answers, drawn)
    table = confusion(truth, answers)
    return Level(
        scores=_scores(truth, table, found, answers.repeats),
        labels=tuple(_row(index, table, found, answers.repeats) for index in range(len(LABELS))),
        confusion=tuple(tuple(int(v) for v in row) for row in table),
        classification_report=_classification_report(truth, answers),
        roc=_curves(truth, answers, kind="roc"),
        pr=_curves(truth, answers, kind="pr"),
        reliability=reliability(truth, answers) if answers.are_probabilities else (),
    )


def scores(labels: NDArray[np.intp], answers: Answers, drawn: Floats) -> Scores:
    """The measures alone, as for a baseline."""
    return _scores(labels, confusion(labels, answers), estimates(labels, answers, drawn), answers.repeats)


def recalls(labels: NDArray[np.intp], answers: Answers) -> Mapping[Label, Proportion]:
    """The recall of each label."""
    table = confusion(labels, answers)
    return {label: _share(table[i, i], table[i].sum(), answers.repeats) for i, label in enumerate(LABELS)}


def confusion(truth: NDArray[np.intp], answers: Answers) -> NDArray[np.intp]:
    """The confusion matrix, summed over the repeats: rows are true labels, columns answers."""
    table = np.zeros((len(LABELS), len(LABELS)), dtype=np.intp)
    for given in answers.labels:
        np.add.at(table, (truth, given), 1)
    return table


def reliability(truth: NDArray[np.intp], answers: Answers) -> tuple[Bin, ...]:
    """Up to ten bins with equally many answers, the least sure first; at least ten patients in each."""
    confidence = answers.study.max(axis=-1).ravel()
    right = (answers.labels == truth).ravel()
    count = min(10, len(truth) // _FEWEST_IN_BIN)
    parts = np.array_split(np.argsort(confidence, kind="stable"), count) if count else []
    return tuple(
        Bin(
            confidence=round(float(confidence[part].mean()), 4),
            right=_share(int(right[part].sum()), len(part), answers.repeats),
        )
        for part in parts
    )


def _scores(truth: NDArray[np.intp], table: NDArray[np.intp], found: Mapping[str, Estimate], repeats: int) -> Scores:
    return Scores(
        n=len(truth),
        accuracy=_share(int(np.trace(table)), int(table.sum()), repeats),
        balanced_accuracy=found["balanced_accuracy"],
        macro_f1=found["macro_f1"],
        auc=found["auc"],
        brier=found.get("brier"),
        nll=found.get("nll"),
    )


def _row(index: int, table: NDArray[np.intp], found: Mapping[str, Estimate], repeats: int) -> LabelRow:
    hits, there, given, total = table[index, index], table[index].sum(), table[:, index].sum(), table.sum()
    return LabelRow(
        label=LABELS[index],
        n=round(int(there) / repeats),
        recall=_share(hits, there, repeats),
        precision=_share(hits, given, repeats),
        specificity=_share(total - there - given + hits, total - there, repeats),
        f1=round(float(2 * hits / (there + given)), 4) if there + given else None,
        auc=found[f"auc_{LABELS[index].value}"],
    )


def _share(hits: int, n: int, repeats: int) -> Proportion:
    """Averaged over repeats and rounded to whole patients, so that repeats do not narrow the interval."""
    whole = round(int(n) / repeats)
    return Proportion.of(min(whole, round(int(hits) / repeats)), whole)


def _classification_report(truth: NDArray[np.intp], answers: Answers) -> str:
    from sklearn.metrics import classification_report  # noqa: PLC0415 - slow to load, and an extra

    return str(
        classification_report(
            np.tile(truth, answers.repeats),
            answers.labels.ravel(),
            labels=range(len(LABELS)),
            target_names=[label.value for label in LABELS],
            digits=3,
            zero_division=0,
        )
    )


def _curves(truth: NDArray[np.intp], answers: Answers, *, kind: str) -> tuple[Curve, ...]:
    """Abnormal against normal, then each label against the others; the answers of all repeats together."""
    repeated = np.tile(truth, answers.repeats)
    wanted = [("abnormal", repeated > 0, answers.score.ravel())]
    wanted += [(label.value, repeated == i, answers.study[..., i].ravel()) for i, label in enumerate(LABELS)]
    some = [(name, positive, values) for name, positive, values in wanted if positive.any() and not positive.all()]
    return tuple(_curve(name, positive, values, kind=kind) for name, positive, values in some)


def _curve(name: str, positive: NDArray[np.bool_], values: Floats, *, kind: str) -> Curve:
    from sklearn import metrics  # noqa: PLC0415 - slow to load, and an extra

    if kind == "roc":
        x, y, _ = metrics.roc_curve(positive, values)
        area = metrics.roc_auc_score(positive, values)
    else:
        y, x, _ = metrics.precision_recall_curve(positive, values, drop_intermediate=True)
        area = metrics.average_precision_score(positive, values)
    some = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return Curve(
        name=name,
        x=tuple(round(float(v), 4) for v in x[some]),
        y=tuple(round(float(v), 4) for v in y[some]),
        area=round(float(area), 4),
    )
