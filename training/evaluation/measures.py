"""Measures of many weighted samples at once: a bootstrap draw is a row of weights, so no draw needs a loop."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from training.evaluation.answers import Answers, Floats

_CHUNK = 250
"""Draws at a time: bounds the memory to some ten megabytes a thousand items."""


def measure(truth: NDArray[np.intp], answers: Answers, weights: Floats) -> Mapping[str, Floats]:
    """Every measure by name for each row of ``weights`` (draws, n), averaged over the repeats, shape (draws,).

    ``balanced_accuracy``, ``macro_f1`` (both over the labels that occur in ``truth``), ``accuracy``, ``auc`` (abnormal
    against normal), ``auc_LABEL`` (one against the others), and for probabilities ``brier`` (sum over the labels) and
    ``nll``. NaN where a draw has no such thing.
    """
    parts = [_chunk(truth, answers, weights[i : i + _CHUNK]) for i in range(0, len(weights), _CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def weighted_auc(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """The chance that a positive scores above a negative, ties counting half, for each row of weights (draws, n)."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    sorted_weights = weights[:, order]
    ups = np.add.reduceat(sorted_weights * positive[order], starts, axis=1)
    downs = np.add.reduceat(sorted_weights * ~positive[order], starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ups * below).sum(axis=1) / (ups.sum(axis=1) * downs.sum(axis=1)), dtype=np.float64)


def _chunk(truth: NDArray[np.intp], answers: Answers, weights: Floats) -> dict[str, Floats]:
    repeats = [_one(truth, answers, repeat, weights) for repeat in range(answers.repeats)]
    return {name: np.mean([found[name] for found in repeats], axis=0) for name in repeats[0]}


def _one(truth: NDArray[np.intp], answers: Answers, repeat: int, weights: Floats) -> dict[str, Floats]:
    found = _counted(truth, answers.labels[repeat], weights)
    found["auc"] = weighted_auc(answers.score[repeat], truth > 0, weights)
    study = answers.study[repeat]
    for index, label in enumerate(LABELS):
        found[f"auc_{label.value}"] = weighted_auc(study[:, index], truth == index, weights)
    if answers.are_probabilities:
        total = weights.sum(axis=1)
        found["brier"] = weights @ brier(truth, study) / total
        found["nll"] = weights @ nll(truth, study) / total
    return found


def _counted(truth: NDArray[np.intp], given: NDArray[np.intp], weights: Floats) -> dict[str, Floats]:
    k = len(LABELS)
    table = (weights @ np.eye(k * k)[truth * k + given]).reshape(-1, k, k)
    hits, rows, columns = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2), table.sum(axis=1)
    there = np.isin(np.arange(k), truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = (hits / rows)[:, there]
        f1 = (2 * hits / (rows + columns))[:, there]
    return {
        "accuracy": hits.sum(axis=1) / rows.sum(axis=1),
        "balanced_accuracy": recalls.mean(axis=1),
        "macro_f1": f1.mean(axis=1),
    }


def brier(truth: NDArray[np.intp], probabilities: Floats) -> Floats:
    """The Brier score of each item, summed over the labels: 0 is perfect, 2 the worst (Brier, 1950)."""
    return np.asarray(((probabilities - np.eye(len(LABELS))[truth]) ** 2).sum(axis=1), dtype=np.float64)


def nll(truth: NDArray[np.intp], probabilities: Floats) -> Floats:
    """Minus the logarithm of what each item's true label was given."""
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)), dtype=np.float64)
