"""A recipe: everything a training run decides, in one TOML file."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from core.errors import PerfuscopeError
from models.card import Name
from models.figures import Record
from models.mobilenet import BASE_LAYERS

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]


class Data(Record):
    """Where the patients come from, as the card will say it."""

    made_by: str
    held_out_made_by: str | None = None


class Split(Record):
    """Shares of the patients of each label."""

    train: Share
    validation: Share
    test: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Stage(Record):
    """One stage of training."""

    epochs: Count
    batch: Count
    learning_rate: Annotated[float, Field(gt=0)]
    patience: Count
    """Epochs without a better validation loss before the stage stops."""


class Recipe(Record):
    """A training run; ``weights`` is ``imagenet``, ``none`` or the path of a weights file."""

    name: Name
    version: Name
    seed: int
    weights: str = "imagenet"
    review_below: Share
    data: Data
    split: Split
    stage_1: Stage
    stage_2: Stage
    train_from_layer: Annotated[int, Field(ge=1, le=BASE_LAYERS)]
    commands: Sequence[str]


def read(path: Path) -> Recipe:
    """The recipe in a TOML file; PerfuscopeError names what is wrong."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PerfuscopeError(f"{path.name} is not a TOML file: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the recipe"
        raise PerfuscopeError(f"{path.name}: {where}: {first['msg']}.") from error


def find(name: str) -> Path:
    """The recipe called ``name``: a path, or the name of one that comes with Perfuscope."""
    home = Path(__file__).parent / "recipes"
    for path in (Path(name), home / f"{name}.toml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in home.glob("*.toml")))
    raise PerfuscopeError(f"{name} is neither a recipe file nor one of: {known}.")
