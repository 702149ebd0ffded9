"""The trainers of cross-validation: what turns a recipe into a function of training and validation patients."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from training.datasets import Dataset
from training.evaluation.cross_validation import Logits, Predictor, Trainer
from training.recipe import Recipe, Split


def trainer_of(recipe: Recipe, *, run: Path) -> Trainer:  # noqa: ARG001 - where training keeps its own runs
    """The trainer of a recipe of the kind ``views``: one image, one decision, the mean of a patient's logits."""

    def train(train: Dataset, validation: Dataset, seed: int) -> Predictor:
        import keras  # noqa: PLC0415 - slow to load, and an extra

        from training import fit  # noqa: PLC0415

        keras.backend.clear_session()
        both = joined(train, validation)
        share = len(validation.patients) / len(both.patients)
        chosen = recipe.model_copy(
            update={"seed": seed, "split": Split(train=1 - share, validation=share, test=0)},
        )
        model = fit.fit(both, chosen, say=lambda _: None).model
        return lambda data: _logits(fit.logits(model, data))

    return train


def _logits(views: Any) -> Logits:
    return views.mean(axis=1), views


def joined(one: Dataset, other: Dataset) -> Dataset:
    """The patients of both: what has a row a patient is put end to end."""
    pairs = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(Dataset)}
    both: dict[str, Any] = {n: np.concatenate(pair) for n, pair in pairs.items() if isinstance(pair[0], np.ndarray)}
    both |= {name: pair[0] + pair[1] for name, pair in pairs.items() if isinstance(pair[0], tuple)}
    return replace(one, **both)
