"""The fields that recipes of every kind have."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from models.card import Name
from models.figures import Record

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]


class Data(Record):
    """Where the patients come from, as the card will say it."""

    made_by: str
    held_out_made_by: str | None = None


class Split(Record):
    """Shares of the patients of each label; a data set that was split already keeps its own subsets."""

    train: Share
    validation: Share
    test: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Common(Record):
    """What every recipe says; ``weights`` is ``imagenet``, ``none`` or the path of a weights file."""

    name: Name
    version: Name
    seed: Annotated[int, Field(ge=0)]
    weights: str = "imagenet"
    review_below: Share
    data: Data
    split: Split
    commands: Sequence[str]
