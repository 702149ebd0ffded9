"""Building the network for a run, and what it says of a data set. Needs TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import LABELS, REQUIRED_VIEWS
from models import mobilenet
from models.chatter import load_tensorflow
from models.preprocess import scale
from training.datasets import Dataset
from training.fit.recipe import ViewsRecipe

Floats = NDArray[np.float32]


def make_repeatable(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow and ask for deterministic kernels: seeds alone do not repeat a run."""
    load_tensorflow()
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def forget_networks() -> None:
    """Free the memory of networks that nobody holds any more."""
    import keras  # noqa: PLC0415

    keras.backend.clear_session()


def build(recipe: ViewsRecipe) -> Any:
    """The recipe's network with its starting weights; PerfuscopeError names weights that are missing or do not fit."""
    weights = None if recipe.weights == "none" else recipe.weights
    if weights not in {None, "imagenet"} and not Path(str(weights)).is_file():
        raise PerfuscopeError(f"Weights must be imagenet, none or a file; {weights} is not there.")
    try:
        return mobilenet.build(weights, dropout=recipe.dropout)
    except Exception as error:  # Keras has no error of its own: a failed download raises Exception itself
        what = "ImageNet weights could not be downloaded" if weights == "imagenet" else f"{weights} does not fit"
        raise PerfuscopeError(f"{what}: MobileNet V1 1.0 224 without top is wanted ({_short(error)}).") from error


def _short(error: Exception) -> str:
    """The beginning of an error's text: Keras writes pages."""
    words = " ".join(str(error).split())
    return (words[:117] + "...") if len(words) > 120 else words.rstrip(".")


def logits(model: Any, data: Dataset, *, batch: int = 48) -> Floats:
    """Keras' logits of every view of every patient, shape (n, 3 views, 3 labels)."""
    upto = mobilenet.segment(model, 0, len(model.layers) - 1)
    images = data.pixels.reshape(-1, *data.pixels.shape[2:])
    pieces = [upto.predict_on_batch(scale(images[i : i + batch])) for i in range(0, len(images), batch)]
    return np.concatenate(pieces).reshape(len(data.patients), len(REQUIRED_VIEWS), len(LABELS))
