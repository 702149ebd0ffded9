"""A recipe as a function from patients to a predictor, for cross-validation. Needs TensorFlow."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.datasets import Dataset
from training.fit.course import unheard
from training.fit.engine import fit_parts
from training.fit.network import logits
from training.fit.recipe import ViewsRecipe

Floats = NDArray[np.float32]
Predictor = Callable[[Dataset], tuple[Floats, Floats]]
"""From patients to study logits (n, 3) and view logits (n, 3, 3)."""
Trainer = Callable[[Dataset, Dataset, int], Predictor]
"""From training patients, validation patients and a seed to a predictor."""


def trainer(recipe: ViewsRecipe) -> Trainer:
    """What trains by ``recipe`` on the given patients, whatever split the recipe names."""

    def train(patients: Dataset, validation: Dataset, seed: int) -> Predictor:
        fitted = fit_parts(patients, validation, recipe.model_copy(update={"seed": seed}), say=unheard)

        def predict(data: Dataset) -> tuple[Floats, Floats]:
            views = logits(fitted.model, data)
            return np.asarray(views.mean(axis=1), dtype=np.float32), views

        return predict

    return train
