"""The patient-cluster bootstrap: patients are drawn anew, and what belongs to a patient goes with it.

Patients are drawn within their true label, so that a draw of a small cohort never lacks a label. Intervals are the
2.5th and the 97.5th percentile of the draws (Efron and Tibshirani, 1993).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.figures import Record
from training.evaluation.answers import Answers, Floats
from training.evaluation.measures import measure

DRAWS = 2000
SEED = 20260


class Estimate(Record):
    """A figure with its 95 % interval; None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


def draws(labels: NDArray[np.intp], *, seed: int = SEED, count: int = DRAWS) -> Floats:
    """How often each patient is in each draw, shape (count, n)."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((count, len(labels)))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = rng.integers(0, len(members), (count, len(members)))
        flat = (np.arange(count)[:, None] * len(members) + chosen).ravel()
        weights[:, members] = np.bincount(flat, minlength=count * len(members)).reshape(count, -1)
    return weights


def estimates(labels: NDArray[np.intp], answers: Answers, drawn: Floats) -> Mapping[str, Estimate]:
    """Every measure of ``answers``; where there are several items a patient they follow each other and go together."""
    items = answers.study.shape[1] // len(labels)
    truth = np.repeat(labels, items)
    points = measure(truth, answers, np.ones((1, len(truth))))
    spread = measure(truth, answers, np.repeat(drawn, items, axis=1))
    return {name: _estimate(float(points[name][0]), spread[name]) for name in points}


def differences(labels: NDArray[np.intp], one: Answers, other: Answers, drawn: Floats) -> Mapping[str, Estimate]:
    """``one`` minus ``other`` on the same patients, draws the same for both: paired differences of what both have."""
    whole = np.ones((1, len(labels)))
    points = [measure(labels, answers, whole) for answers in (one, other)]
    spread = [measure(labels, answers, drawn) for answers in (one, other)]
    return {
        name: _estimate(float(points[0][name][0] - points[1][name][0]), spread[0][name] - spread[1][name])
        for name in points[0]
        if name in points[1]
    }


def _estimate(value: float, spread: Floats) -> Estimate:
    if not np.isfinite(value):
        return Estimate(value=None, low=None, high=None)
    low, high = np.percentile(spread[np.isfinite(spread)], [2.5, 97.5])
    return Estimate(value=round(value, 4), low=round(float(low), 4), high=round(float(high), 4))
