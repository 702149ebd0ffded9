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

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weights (F, 3) on standardised features, and bias (3,)."""


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


def refits(head: Head, stages: Sequence[Stage], *, simulated: Group, cohort: Group) -> dict[str, Head]:
    """The head of every stage by its name; stages that differ in the network's share only share their regression."""
    fitted: dict[tuple[float, float], Layer] = {}
    heads = {}
    for stage in stages:
        if stage.cohort_weight is None:
            heads[stage.name] = head
            continue
        key = stage.cohort_weight, stage.strength
        if key not in fitted:
            fitted[key] = _regression(head, *key, simulated=simulated, cohort=cohort)
        heads[stage.name] = _added(head, fitted[key], stage.network)
    return heads


def _added(head: Head, layer: Layer, share: float) -> Head:
    """A layer on the features, and a share of the head's own layer on top."""
    hidden = np.zeros((len(head.hidden_bias), len(LABELS)))
    together = np.concatenate([hidden, layer[0]]) + share * head.study_kernel
    return head.with_study_layer(together, layer[1] + share * head.study_bias)


def _regression(head: Head, cohort_weight: float, strength: float, *, simulated: Group, cohort: Group) -> Layer:
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
