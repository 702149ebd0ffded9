"""What is evaluated: the patients with what is known of them, and what a model or a rule said of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.classifier import softmax
from models.figures import Source
from training.datasets import Dataset

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Labelled patients; every array and tuple has a row a patient, in one order."""

    name: str
    patients: tuple[str, ...]
    labels: NDArray[np.intp]
    """Index into LABELS, shape (n,)."""
    source: Source
    digest: str
    """SHA-256 of the data set's manifest or truth table."""
    tpd: Floats | None = None
    """Total perfusion deficit at stress and at rest in percent, shape (n, 2)."""
    facts: tuple[Mapping[str, str | float], ...] = ()
    """What the truth table says of each patient."""
    pixels: NDArray[np.uint8] | None = None
    """Crops for pictures and for the image-only baseline, shape (n, 3, rows, columns, 3)."""
    layouts: Mapping[str, int] | None = None
    left_out: Mapping[str, str] | None = None

    @classmethod
    def of(cls, data: Dataset, *, name: str) -> "Cohort":
        """A data set's patients."""
        return cls(
            name=name,
            patients=data.patients,
            labels=data.labels,
            source=data.source,
            digest=data.truth_sha256,
            tpd=data.tpd,
            facts=data.facts,
            pixels=data.pixels,
            layouts=dict(data.layouts),
            left_out=dict(data.left_out),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Probabilities of one model for the patients of a cohort, once a patient or once in each repeat of a validation.

    Figures are computed within a repeat and averaged over repeats: answering again makes no further patients.
    """

    name: str
    study: Floats
    """Probabilities by patient, shape (repeats, n, 3)."""
    views: Floats | None = None
    """Probabilities by view, shape (repeats, n, 3 views, 3), where the model judges views."""
    abnormality: Floats | None = None
    """What rises with abnormality, shape (repeats, n); None: one minus the probability of normal."""
    are_probabilities: bool = True
    """False for a rule that only names a label: Brier and NLL would say nothing."""

    def __post_init__(self) -> None:
        if self.study.ndim != 3 or self.study.shape[2] != len(LABELS):
            raise ValueError(f"study has shape (repeats, patients, {len(LABELS)}), not {self.study.shape}")

    @classmethod
    def once(cls, name: str, study: NDArray[np.floating], *, views: NDArray[np.floating] | None = None) -> "Answers":
        """One answer a patient: probabilities (n, 3), and where there are any (n, 3 views, 3)."""
        return cls(name, _repeated(study), None if views is None else _repeated(views))

    @classmethod
    def of_labels(
        cls, name: str, given: NDArray[np.intp], *, abnormality: NDArray[np.floating] | None = None
    ) -> "Answers":
        """A rule's labels, indices of shape (n,) or (repeats, n), and its score of the same shape."""
        study = np.eye(len(LABELS))[np.atleast_2d(given)]
        score = None if abnormality is None else np.atleast_2d(np.asarray(abnormality, np.float64))
        return cls(name, study, abnormality=score, are_probabilities=False)

    @property
    def repeats(self) -> int:
        """How often each patient was judged."""
        return len(self.study)

    @property
    def score(self) -> Floats:
        """What rises with abnormality, shape (repeats, n)."""
        return 1 - self.study[..., 0] if self.abnormality is None else self.abnormality

    @property
    def labels(self) -> NDArray[np.intp]:
        """The labels given, shape (repeats, n)."""
        return np.asarray(self.study.argmax(axis=-1), dtype=np.intp)

    def images(self) -> "Answers | None":
        """The same for single images: each view of a patient is an item, in the order of the patients."""
        if self.views is None:
            return None
        repeats, n, views, labels = self.views.shape
        return Answers(f"{self.name}, per image", self.views.reshape(repeats, n * views, labels))

    def view(self, index: int) -> "Answers | None":
        """The same for one view alone."""
        return None if self.views is None else Answers(self.name, self.views[:, :, index])


def of_logits(name: str, study: NDArray[np.floating], views: NDArray[np.floating], **more: Any) -> Answers:
    """From logits of shapes (repeats, n, 3) and (repeats, n, 3 views, 3)."""
    return Answers(name, softmax(study), softmax(views), **more)


def _repeated(values: NDArray[np.floating]) -> Floats:
    return np.asarray(values, dtype=np.float64)[np.newaxis]
