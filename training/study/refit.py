"""The last layer fitted anew: a logistic regression on simulated patients and the cohort, folded into the head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.study_head import Head
from training.study.seeing import Seen
from training.study.weights import balanced


@dataclass(frozen=True, slots=True)
class Stage:
    """How the last layer comes about: as pretrained, or fitted with a weight of the cohort and a penalty."""

    name: str
    cohort_weight: float | None = None
    strength: float = 1.0


def stages(cohort_weights: tuple[float, ...], strengths: tuple[float, ...]) -> tuple[Stage, ...]:
    """The pretrained layer as it is, and every pair of weight and strength."""
    fitted = [Stage(f"refit, cohort x {w:g}, C {c:g}", w, c) for w in cohort_weights for c in strengths]
    return Stage("pretrained"), *fitted


def refit(
    head: Head,
    stage: Stage,
    *,
    rehearsed: tuple[Seen, NDArray[np.intp]],
    cohort: tuple[Seen, NDArray[np.intp]],
) -> Head:
    """The head with the stage's last layer; each of the two groups is patients and their labels."""
    if stage.cohort_weight is None:
        return head
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra, and slow to load

    groups = [rehearsed, cohort] if stage.cohort_weight else [rehearsed]
    evidence = np.concatenate([head.evidence(seen.pooled, seen.features) for seen, _ in groups])
    labels = np.concatenate([labels for _, labels in groups])
    shares = [1.0, stage.cohort_weight]
    weights = np.concatenate([share * balanced(y) for share, (_, y) in zip(shares, groups, strict=False)])
    mean, deviation = evidence.mean(axis=0), evidence.std(axis=0) + 1e-3
    fitted = LogisticRegression(C=stage.strength, max_iter=400)
    fitted.fit((evidence - mean) / deviation, labels, sample_weight=weights)
    if len(fitted.classes_) != len(LABELS):
        raise ValueError("a label is missing among simulated patients and cohort")
    kernel = fitted.coef_.T / deviation[:, None]
    return head.with_study_layer(kernel, fitted.intercept_ - mean @ kernel)
