"""The last layer fitted anew: a logistic regression on the quantities of simulated patients and of the cohort together.

The regression and a share of the pretrained layer are added, which is a mean of two models' logits that costs nothing:
both are weights of one layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.study_head import Floats, Head
from training.study.weights import balanced

Group = tuple[Floats, NDArray[np.intp]]
"""Quantitative features (n, F) and labels (n,) of patients."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How the last layer comes about: as pretrained, or by a regression beside a share of the pretrained layer."""

    name: str
    cohort_weight: float | None = None
    strength: float = 1.0
    network: float = 0.0


def stages(cohort_weights: Sequence[float], strengths: Sequence[float], networks: Sequence[float]) -> tuple[Stage, ...]:
    """The pretrained layer as it is, and every combination of cohort's weight, penalty and share of the network."""
    fitted = [
        Stage(f"cohort x {w:g}, C {c:g}, network x {n:g}", w, c, n)
        for w in cohort_weights
        for c in strengths
        for n in networks
    ]
    return Stage("pretrained"), *fitted


def refit(head: Head, stage: Stage, *, simulated: Group, cohort: Group) -> Head:
    """The head with the stage's last layer."""
    if stage.cohort_weight is None:
        return head
    kernel, bias = _regression(head, stage.cohort_weight, stage.strength, simulated=simulated, cohort=cohort)
    hidden = np.zeros((len(head.hidden_bias), len(LABELS)))
    together = np.concatenate([hidden, kernel]) + stage.network * head.study_kernel
    return head.with_study_layer(together, bias + stage.network * head.study_bias)


def _regression(
    head: Head, cohort_weight: float, strength: float, *, simulated: Group, cohort: Group
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (F, 3) and bias (3,) on standardised features."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra, and slow to load

    groups = [(simulated, 1.0), (cohort, cohort_weight)] if cohort_weight else [(simulated, 1.0)]
    standard = np.concatenate([(features - head.mean) / head.deviation for (features, _), _ in groups])
    labels = np.concatenate([labels for (_, labels), _ in groups])
    weights = np.concatenate([share * balanced(labels) for (_, labels), share in groups])
    mean, deviation = standard.mean(axis=0), standard.std(axis=0) + 1e-3
    fitted = LogisticRegression(C=strength, max_iter=1000)
    fitted.fit((standard - mean) / deviation, labels, sample_weight=weights)
    if len(fitted.classes_) != len(LABELS):
        raise ValueError("a label is missing among simulated patients and cohort")
    kernel = fitted.coef_.T / deviation[:, None]
    return kernel, fitted.intercept_ - mean @ kernel
