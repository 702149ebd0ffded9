"""Temperatures: one number that makes a model as sure as it has reason to be (Guo et al., ICML 2017)."""

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.card import Calibration
from models.classifier import softmax

_LOWEST, _HIGHEST = 0.25, 4.0


def temperature(logits: NDArray[np.floating], truth: NDArray[np.intp]) -> float:
    """The temperature with the lowest NLL for logits (n, 3) and labels (n,), from a quarter to four.

    By search in equal ratios: one number needs no optimiser, and bounds keep a perfect small set from asking for zero.
    """
    rows = np.arange(len(truth))
    candidates = np.geomspace(_LOWEST, _HIGHEST, 161)
    losses = [-np.log(np.maximum(softmax(logits / t)[rows, truth], 1e-12)).mean() for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def calibrate(views: NDArray[np.floating], truth: NDArray[np.intp]) -> Calibration:
    """For a study that is the mean of its views' logits (n, 3 views, 3): its temperature, and the views' beyond it."""
    study = temperature(views.mean(axis=1), truth)
    each = temperature(views.reshape(-1, len(LABELS)) / study, np.repeat(truth, views.shape[1]))
    return Calibration(folded_temperature=study, view_temperature=each)


def cross_fitted(logits: NDArray[np.floating], truth: NDArray[np.intp], fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """Probabilities (n, 3) of out-of-fold logits, each fold at the temperature of the other folds.

    A temperature fitted on the very logits it is judged by would flatter them.
    """
    found = np.empty(logits.shape)
    for held_out in np.unique(fold):
        inside = fold == held_out
        found[inside] = softmax(logits[inside] / temperature(logits[~inside], truth[~inside]))
    return found
