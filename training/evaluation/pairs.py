"""Two models on the same patients: the paired bootstrap, McNemar's test of the answers, DeLong's of the AUC."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from models.figures import Record
from training.evaluation.answers import Answers, Floats
from training.evaluation.bootstrap import Estimate, differences, draws


class Difference(Record):
    """One model minus another on the same patients."""

    balanced_accuracy: Estimate
    macro_f1: Estimate
    auc: Estimate
    brier: Estimate | None
    nll: Estimate | None
    mcnemar_p: float | None
    """Exact McNemar test of right against wrong; None with several repeats, whose answers are not independent."""
    delong_p: float | None
    """DeLong's test of the AUC of abnormal against normal; None with several repeats."""


def compare(labels: NDArray[np.intp], one: Answers, other: Answers, drawn: Floats | None = None) -> Difference:
    """``one`` minus ``other``; both hold the patients of ``labels`` in one order. ``drawn`` as ``draws`` makes them."""
    if one.study.shape[1] != len(labels) or other.study.shape[1] != len(labels):
        raise ValueError("both models must have judged the patients of labels")
    found = differences(labels, one, other, draws(labels) if drawn is None else drawn)
    single = one.repeats == other.repeats == 1
    return Difference(
        balanced_accuracy=found["balanced_accuracy"],
        macro_f1=found["macro_f1"],
        auc=found["auc"],
        brier=found.get("brier"),
        nll=found.get("nll"),
        mcnemar_p=mcnemar(one.labels[0] == labels, other.labels[0] == labels) if single else None,
        delong_p=delong(one.score[0], other.score[0], labels > 0) if single else None,
    )


def mcnemar(one_right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> float:
    """The exact two-sided p of McNemar's test (Psychometrika 1947) that both are right equally often."""
    from statsmodels.stats.contingency_tables import mcnemar as exact  # noqa: PLC0415 - slow to load, and an extra

    table = [[int((a & b).sum()) for b in (other_right, ~other_right)] for a in (one_right, ~one_right)]
    return round(float(exact(table, exact=True).pvalue), 5)


def delong(one: Floats, other: Floats, positive: NDArray[np.bool_]) -> float | None:
    """The two-sided p that two scores have one AUC (DeLong, DeLong, Clarke-Pearson, Biometrics 1988)."""
    if min(positive.sum(), (~positive).sum()) < 2:
        return None
    ups, downs = zip(*(_placements(scores, positive) for scores in (one, other)), strict=True)
    covariance = np.cov(np.stack(ups)) / len(ups[0]) + np.cov(np.stack(downs)) / len(downs[0])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    difference = float(ups[0].mean() - ups[1].mean())
    if variance <= 1e-15:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return round(float(2 * norm.sf(abs(difference) / np.sqrt(variance))), 5)


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative the share of positives above it."""
    ups, downs = scores[positive][:, None], scores[~positive][None, :]
    wins = (ups > downs) + 0.5 * (ups == downs)
    return wins.mean(axis=1), wins.mean(axis=0)
