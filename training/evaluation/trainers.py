"""The trainer of a recipe for cross-validation, whichever kind of recipe it is. Needs TensorFlow."""

import os
from pathlib import Path

from training.evaluation.cross_validation import Trainer
from training.recipe import Recipe, ViewsRecipe


def trainer_of(recipe: Recipe, *, run: Path) -> Trainer:
    """What trains by the recipe on given training and validation patients; ``run`` keeps what the folds share."""
    from training import fit  # noqa: PLC0415 - slow to load, and an extra

    fit.make_repeatable(recipe.seed)
    if isinstance(recipe, ViewsRecipe):
        return fit.trainer(recipe)
    from training.study import fitting, pretraining  # noqa: PLC0415

    workers = os.cpu_count() or 1
    learned = pretraining.pretrain(recipe.pretraining, seed=recipe.seed, kept=run, workers=workers, say=lambda _: None)
    return fitting.trainer(recipe, learned)
