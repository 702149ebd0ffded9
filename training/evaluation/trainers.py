"""The trainer of a recipe for cross-validation, whichever kind of recipe it is. Needs TensorFlow."""

from training.evaluation.cross_validation import Trainer
from training.recipe import Recipe


def trainer_of(recipe: Recipe) -> Trainer:
    """What trains by the recipe on given training and validation patients."""
    from training import fit  # noqa: PLC0415 - slow to load, and an extra

    return fit.trainer(recipe)
