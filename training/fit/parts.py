"""Who trains, who validates, who tests: as the data set says, or else by the recipe's shares."""

import numpy as np

from core.errors import PerfuscopeError
from core.types import LABELS
from training.datasets import Dataset, Split, split
from training.fit.recipe import ViewsRecipe

_SUBSETS = ("train", "validation", "test")


def parts_of(data: Dataset, recipe: ViewsRecipe) -> Split:
    """The patients' parts; PerfuscopeError if a label has nobody to train or to validate with."""
    if not data.patients:
        raise PerfuscopeError("The data set holds no patients.")
    subset = data.subset
    if not np.any(subset != ""):
        found = split(data.labels, **recipe.split.model_dump(), seed=recipe.seed)
    elif unknown := int((~np.isin(subset, _SUBSETS)).sum()):
        raise PerfuscopeError(f"{unknown} patients of the data set are in no subset: split it anew.")
    else:
        found = Split(*(np.flatnonzero(subset == name).astype(np.intp) for name in _SUBSETS))
    check_labels(data.take(found.train), "train")
    check_labels(data.take(found.validation), "validation")
    if len(found.test):
        check_labels(data.take(found.test), "test")
    return found


def check_labels(data: Dataset, name: str) -> None:
    """PerfuscopeError unless every label has a patient in the subset or fold called ``name``."""
    missing = [label.value for i, label in enumerate(LABELS) if not (data.labels == i).any()]
    if missing:
        raise PerfuscopeError(f"No patient with {' or '.join(missing)} is in the {name} part; every label needs one.")
