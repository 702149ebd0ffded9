"""The figures of an evaluation, as a card keeps them, each with its n and its uncertainty."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.proportion import wilson
from core.types import LABELS, Label, View

Source = Literal["simulated", "clinical"]
"""Where patients come from; it stands beside every figure."""


class Record(BaseModel):
    """A frozen record that takes no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Proportion(Record):
    """Hits of n with the Wilson 95 % interval (Wilson, JASA 1927); all of 0..1 when n is 0."""

    hits: int
    n: int
    value: float | None
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> Self:
        """The proportion of ``hits`` in ``n``."""
        if n == 0:
            return cls(hits=0, n=0, value=None, low=0.0, high=1.0)
        low, high = wilson(hits, n)
        return cls(hits=hits, n=n, value=round(hits / n, 4), low=round(low, 4), high=round(high, 4))


class Figures(Record):
    """How well labels were told apart; ``confusion`` has a row for each true label, a column for each answer."""

    accuracy: Proportion
    recall: Mapping[Label, Proportion]
    balanced_accuracy: float | None
    confusion: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    brier: float | None = None
    nll: float | None = None
    auc_abnormal: float | None = None

    @classmethod
    def of_answers(
        cls,
        truth: NDArray[np.intp],
        answers: NDArray[np.intp],
        *,
        abnormality: NDArray[np.floating] | None = None,
    ) -> Self:
        """From true and given label indices, shape (n,) each, and for the AUC a score that rises with abnormality."""
        area = None if abnormality is None else auc(abnormality, truth > 0)
        return cls(**_counted(truth, answers), auc_abnormal=area)

    @classmethod
    def of_probabilities(cls, truth: NDArray[np.intp], probabilities: NDArray[np.floating]) -> Self:
        """From true label indices (n,) and probabilities (n, 3); Brier is the sum over the three classes."""
        p = np.asarray(probabilities, dtype=np.float64)
        wanted = np.eye(len(LABELS))[truth]
        return cls(
            **_counted(truth, p.argmax(axis=1)),
            brier=round(float(((p - wanted) ** 2).sum(axis=1).mean()), 4),
            nll=round(float(-np.log(np.maximum((p * wanted).sum(axis=1), 1e-12)).mean()), 4),
            auc_abnormal=auc(1 - p[:, 0], truth > 0),
        )


class Baseline(Record):
    """A rule anybody could apply, beside the network."""

    name: str
    figures: Figures


class Evaluation(Record):
    """One model on one set of patients; ``source`` says where the patients come from."""

    data: str
    source: Source
    truth_sha256: str
    patients: int
    study: Figures
    views: Mapping[View, Figures]
    needs_review: Proportion
    accuracy_of_accepted: Proportion
    baselines: Sequence[Baseline]


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float | None:
    """The chance that a positive scores above a negative, ties counting half; None without both kinds."""
    if positive.all() or not positive.any():
        return None
    ups, downs = scores[positive][:, None], scores[~positive][None, :]
    return round(float(((ups > downs) + 0.5 * (ups == downs)).mean()), 4)


def _counted(truth: NDArray[np.intp], answers: NDArray[np.intp]) -> dict[str, Any]:
    table = np.zeros((len(LABELS), len(LABELS)), dtype=int)
    np.add.at(table, (truth, answers), 1)
    rows = table.sum(axis=1)
    recalls = [int(table[i, i]) / int(rows[i]) for i in range(len(LABELS)) if rows[i]]
    return {
        "accuracy": Proportion.of(int(np.trace(table)), int(rows.sum())),
        "recall": {name: Proportion.of(int(table[i, i]), int(rows[i])) for i, name in enumerate(LABELS)},
        "balanced_accuracy": round(sum(recalls) / len(recalls), 4) if recalls else None,
        "confusion": tuple(tuple(int(v) for v in row) for row in table),
    }
