"""The recipe of kind ``views``: MobileNet with a dense head, one image one decision, trained in two stages."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.figures import Record
from models.mobilenet import BASE_LAYERS
from training.recipe_fields import Common, Count, Rate, Share

Layer = Annotated[int, Field(ge=1, le=BASE_LAYERS)]
Dropout = tuple[Share, Share]


class Stage(Record):
    """One stage of training, with Adam."""

    epochs: Count
    batch: Count
    learning_rate: Rate
    patience: Count
    """Epochs without a better validation loss before the stage stops."""


class Augment(Record):
    """How training images are varied; ranges are drawn from evenly, anew for each image."""

    by: Literal["image", "panel"] = "image"
    """image: the whole crop turns. panel: each polar map turns in its own circle, all of a crop alike."""
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0
    """To either side."""
    shift: Annotated[float, Field(ge=0, lt=0.5)] = 0
    """To either side along rows and along columns, as a share of the side."""
    brightness: tuple[Rate, Rate] = (1, 1)
    """Factors of the pixel values, from and to; what passes white is cut."""
    variants: Annotated[int, Field(ge=0)] = 0
    """0: fresh in each epoch. K: each image has K variants in turn, which the frozen layers see once and remember."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.brightness[0] > self.brightness[1]:
            raise ValueError("brightness goes from the lower factor to the higher")
        return self


class Sweep(Record):
    """The trials of ``train --sweep``: the recipe, and the recipe with one thing changed at a time."""

    learning_rates: tuple[Rate, ...] = (0.01, 0.001, 0.0001, 0.00005)
    dropouts: tuple[Dropout, ...] = ((0.2, 0.2), (0.3, 0.4), (0.5, 0.5))
    train_from_layers: tuple[Layer, ...] = (40, 60, 80)


class ViewsRecipe(Common):
    """A training run in two stages: the head on the frozen base, then the base's upper layers with it."""

    kind: Literal["views"]
    train_from_layer: Layer
    """The first base layer that stage 2 trains."""
    stage_1: Stage
    stage_2: Stage
    validation_batch: Count = 32
    test_batch: Count = 32
    dropout: Dropout = (0.3, 0.4)
    batch_norm: Literal["frozen", "trained"] = "frozen"
    """trained: those from ``train_from_layer`` on learn and follow the batches in stage 2, as Keras does untold."""
    class_weights: bool = True
    """Whether rare labels weigh more in the training loss, so that all labels weigh the same."""
    weighted_validation: bool = True
    """Whether they do in the validation loss too."""
    keep: Literal["better", "last"] = "better"
    """Which stage's best epoch is the model: that with the lower validation loss, or stage 2's whatever it is."""
    augment: Augment | None = None
    sweep: Sweep = Sweep()
