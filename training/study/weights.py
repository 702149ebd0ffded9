"""Weights that make every label count the same."""

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS


def balanced(labels: NDArray[np.intp]) -> NDArray[np.float32]:
    """A weight a patient, mean 1, so that the labels that occur weigh the same; shape (n,)."""
    counts = np.bincount(labels, minlength=len(LABELS))
    found = int((counts > 0).sum())
    return np.asarray((len(labels) / (found * np.maximum(counts, 1)))[labels], dtype=np.float32)


def balanced_loss(logits: NDArray[np.floating], labels: NDArray[np.intp]) -> float:
    """The negative log-likelihood of labels (n,) by logits (n, 3), every label weighing the same."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return float((losses * balanced(labels)).mean())


def temperature(logits: NDArray[np.floating], labels: NDArray[np.intp]) -> float:
    """The number that logits are divided by for the lowest balanced loss: a quarter to four, in equal ratios."""
    candidates = np.geomspace(0.25, 4, 161)
    losses = [balanced_loss(logits / candidate, labels) for candidate in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)
