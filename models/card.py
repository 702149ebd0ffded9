"""The card of an artifact: what the model is, what it learned from, how well it did, how to repeat it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from core.errors import PerfuscopeError
from core.types import LABELS, Label, View
from models.figures import Evaluation, Proportion, Record, Source

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Positive = Annotated[float, Field(gt=0)]


class Input(Record):
    """What the network reads: a crop of polar maps, resized; one view one image."""

    rows: int = 224
    columns: int = 224
    colours: Literal["RGB"] = "RGB"
    values: str = "x / 127.5 - 1"
    views: tuple[View, ...] = tuple(View)
    layouts: Mapping[str, int]
    """Name and version of the screen layouts whose crops it was trained on."""


class Architecture(Record):
    """The network and where its training started."""

    base: str
    head: str
    base_weights: str
    base_weights_sha256: Sha256 | None
    trained_in_stage_2: str
    kept_stage: Literal[1, 2] | str
    """Of kind "views" its number; of kind "study" its name."""


class TrainingData(Record):
    """The patients it learned from, counted by patient."""

    source: Source
    made_by: str
    split_seed: int
    patients: int
    labels: Mapping[Label, int]
    split: Mapping[Literal["train", "validation", "test"], Mapping[Label, int]]
    provenance: Mapping[str, int] = Field(default_factory=dict)
    """Patients by where they come from: ``original``, ``synthetic: NAME``, ``synthesized: ...``."""


class Calibration(Record):
    """Temperatures fitted on the validation patients.

    The study's is folded into the network, so that a study's probabilities are the softmax of the mean of its views'
    logits. A single view's logits are divided by ``view_temperature`` before their softmax.
    """

    folded_temperature: Positive = 1.0
    view_temperature: Positive = 1.0


class TpdRule(Record):
    """The baseline's thresholds, in percent of the myocardium, fitted on the training patients."""

    abnormal_above: float
    """Stress TPD above which a study is not normal."""
    infarction_above: float
    """Rest TPD above which an abnormal study is an infarction."""


class StudyInput(Record):
    """What a network of kind "study" reads of a patient: images of counts against normal limits, and features."""

    version: str
    """Of the preparation; another one's artifacts do not load."""
    size: Annotated[int, Field(ge=8)]
    """Rows and columns of an image."""
    features: tuple[str, ...]
    """The quantitative features' names, in order."""
    limits: str
    """Where the normal limits come from, in words; the file is in the artifact."""


class Lineage(Record):
    """What an artifact was made of, so that it can be made again."""

    manifests: Mapping[str, Sha256]
    """SHA-256 of the manifest of each data set, by what it was used for: train, pretraining, held out."""
    commit: str
    """Of the source code; ``unknown`` outside a repository, ending in ``+`` where files differed from it."""
    recipe_sha256: Sha256 | None = None


class ReviewBand(Record):
    """How the threshold of ``review_below`` was chosen, from the risk-coverage curve of out-of-fold predictions."""

    wanted_accuracy: Annotated[float, Field(ge=0, le=1)]
    """Among studies that need no review."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    coverage: Annotated[float, Field(ge=0, le=1)]
    """The share of studies that need no review."""
    patients: int


class NoveltyLimits(Record):
    """The limits beyond which an input is refused, and how many patients they refuse that took no part in them."""

    quantile: Annotated[float, Field(gt=0, le=1)]
    """The share of patients like the training's that the limits are to let pass."""
    validation_patients: int
    study: Positive
    views: Mapping[View, tuple[Positive, Positive, Positive]]
    """Of the Mahalanobis distance, of that to the nearest neighbours, of the greater of both in these units."""
    refused_held_out: Proportion | None = None
    held_out: str = ""
    """Which patients those were."""


class Int8(Record):
    """The variant in 8-bit integers: a file of its own, with figures of its own; it serves only where asked for."""

    max_abs_difference: float
    flips: int
    crops: int
    evaluations: tuple[Evaluation, ...]


class Criterion(Record):
    """One line of the acceptance criteria: what was asked, what was found."""

    name: str
    wanted: str
    found: str
    met: bool | None
    """None where the figures do not tell."""


class Parity(Record):
    """LiteRT against Keras on the same crops."""

    crops: int
    max_abs_difference: float
    flips: int


class Card(Record):
    """Everything a reader, an auditor and the classifier want to know about an artifact."""

    schema_version: Literal[1, 2] = 2
    kind: Literal["views", "study"] = "views"
    """views: one image, one decision, a study is the mean. study: one decision a patient."""
    name: Name
    version: Name
    statement: str
    created: AwareDatetime
    classes: tuple[Label, ...] = LABELS
    preprocessing: str
    input: Input
    study: StudyInput | None = None
    """For kind "study"."""
    architecture: Architecture
    training: TrainingData
    calibration: Calibration
    review_below: Annotated[float, Field(ge=0, le=1)]
    """A study whose highest probability is below this needs review."""
    review: ReviewBand | None = None
    novelty: NoveltyLimits | None = None
    """Without, nothing is refused as unlike what the model was trained on."""
    tpd_rule: TpdRule | None
    evaluations: tuple[Evaluation, ...]
    parity: Parity
    int8: Int8 | None = None
    acceptance: tuple[Criterion, ...] = ()
    """How it stood against the acceptance criteria when it was made."""
    lineage: Lineage | None = None
    commands: tuple[str, ...]
    """What to type to repeat training and evaluation."""
    libraries: Mapping[str, str]
    files: Mapping[str, Sha256]

    @field_validator("classes")
    @classmethod
    def _in_order(cls, classes: tuple[Label, ...]) -> tuple[Label, ...]:
        if classes != LABELS:
            raise ValueError(f"must be {', '.join(LABELS)} in this order")
        return classes

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.kind == "study") != (self.study is not None):
            raise ValueError("kind and study must fit: study describes the input of a model of that kind, and no other")
        return self


def read(path: Path) -> Card:
    """The card in a JSON file; PerfuscopeError names the first thing that is wrong with it."""
    try:
        return Card.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise PerfuscopeError(f"{path.parent.name} is no model artifact: it has no {path.name}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PerfuscopeError(f"{path.parent.name}/{path.name}: {where}: {first['msg']}.") from error


def write(card: Card, path: Path) -> None:
    """Write the card as indented JSON."""
    path.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
