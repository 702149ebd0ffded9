"""The recipe of a study model: everything that its training decides, in one TOML file."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from models.card import Name
from models.figures import Record
from training.recipe_fields import Count, Data, Rate, Share, Split


class Pretraining(Record):
    """Simulated patients, differently set than those the model is judged on, and how the network learns from them."""

    population: str = "elsewhere"
    patients: Count = 1000
    seed: int = 5
    shares: tuple[Share, Share, Share] = (0.45, 0.35, 0.20)
    """Of normal, ischemia and infarction."""
    epochs: Count = 24
    batch: Count = 32
    learning_rate: Rate = 2e-3


class Refit(Record):
    """The last layer, fitted on simulated patients and the cohort; each combination of numbers is a stage."""

    cohort_weights: Sequence[Annotated[float, Field(ge=0)]] = (0, 1, 3)
    """How much more a patient of the cohort counts than a simulated one; 0 leaves the cohort out."""
    strengths: Sequence[Rate] = (0.3, 1)
    """Inverse strengths of the penalty on squared weights."""
    networks: Sequence[Annotated[float, Field(ge=0)]] = (0, 0.5, 1)
    """How much of the pretrained layer's logits is added to the regression's."""
    limits_from_cohort: Share = 0.3
    """How far the limits of normal move from the simulated patients' to the cohort's."""
    favourite: str = "cohort x 1, C 1, network x 0.5"
    """The stage that is kept unless another's loss is better by more than ``margin``."""
    margin: Annotated[float, Field(ge=0)] = 0.05


class FineTuning(Record):
    """The upper layers on changed copies of the cohort's maps, started from the best refit; counted in steps."""

    steps: Count = 60
    batch: Count = 24
    learning_rate: Rate = 1e-4
    every: Count = 10
    """Steps between two looks at the loss of those left out; the number of steps with the lowest is taken."""


class StudyRecipe(Record):
    """A training run that ends in one decision a patient."""

    kind: Literal["study"] = "study"
    name: Name
    version: Name
    seed: Annotated[int, Field(ge=0)]
    review_below: Share
    """Used where no confidence keeps ``accepted_wrong``."""
    accepted_wrong: Share = 0.10
    """The share of wrong answers among studies that need no review, for which the review band is chosen."""
    data: Data
    split: Split
    folds: Annotated[int, Field(ge=2)] = 3
    """Of the cohort's training and validation part, to choose the stage and the temperature."""
    repeats: Count = 3
    """How often they are drawn anew."""
    pretraining: Pretraining = Pretraining()
    refit: Refit = Refit()
    fine_tuning: FineTuning | None = None
    commands: Sequence[str]
