"""A whole evaluation as one record: what the JSON holds and what the page shows."""

from collections.abc import Mapping
from typing import Literal

from core.types import Label, View
from models.figures import Proportion, Record, Source
from training.evaluation.levels import Level, Scores
from training.evaluation.pairs import Difference
from training.evaluation.review_band import Band, RiskPoint
from training.evaluation.subgroups import Group


class Lineage(Record):
    """What to keep in order to repeat the figures."""

    model: Mapping[str, str]
    """Name, version and SHA-256, or a recipe."""
    data: str
    data_sha256: str
    layouts: Mapping[str, int]
    command: str
    versions: Mapping[str, str]
    created: str
    seed: int
    draws: int


class Against(Record):
    """A baseline beside the model on the same patients."""

    name: str
    what: str
    missing: str | None
    """Why there are no figures."""
    scores: Scores | None
    recall: Mapping[Label, Proportion] | None
    model_minus_this: Difference | None


class Wrong(Record):
    """A patient whose true label was given little."""

    row: int
    """The patient's place in the data set, from 1 on: only who holds the data set can tell who it is."""
    name: str | None
    """The patient's name in the data set, where patients are simulated."""
    truth: Label
    answer: Label
    given_to_truth: float
    confidence: float


class Fold(Record):
    """One fold of a cross-validation: patients tested, and their figures."""

    repeat: int
    fold: int
    n: int
    accuracy: float
    balanced_accuracy: float
    auc: float | None


class Temperature(Record):
    """What calibration on the pooled out-of-fold logits gives."""

    study: float
    views: float
    nll_before: float
    nll_after: float
    """Each fold at the temperature of the other folds."""


class Report(Record):
    """One evaluation; ``source`` stands beside every figure that is shown."""

    schema_version: Literal[1] = 1
    kind: Literal["model", "cross-validation"]
    source: Source
    summary: str
    data: str
    patients: int
    counts: Mapping[Label, int]
    repeats: int
    study: Level
    images: Level | None
    views: Mapping[View, Level]
    review: Band
    review_from: str
    """Where the threshold comes from."""
    risk_coverage: tuple[RiskPoint, ...]
    risk_coverage_area: float
    temperature: Temperature | None
    baselines: tuple[Against, ...]
    subgroups: tuple[Group, ...]
    worst: tuple[Wrong, ...]
    folds: tuple[Fold, ...]
    left_out: Mapping[str, int]
    """Patients left out, by reason."""
    lineage: Lineage
    limits: tuple[str, ...]
    """What these figures do not say."""


def wilson_note(repeats: int) -> str:
    """How proportions were counted."""
    if repeats == 1:
        return "Wilson 95 % intervals for proportions."
    return f"Proportions are means over {repeats} repeats; their Wilson intervals count each patient once."
