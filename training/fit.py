"""Training in two stages: the head on the frozen base, then the upper layers of the base with it. Needs TensorFlow.

The layers below what a stage trains never change, so their output is computed once an image and kept: a stage
costs only the layers it trains.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from models import mobilenet
from models.card import Calibration
from models.chatter import quiet_stderr
from models.classifier import softmax
from models.preprocess import scale
from training.datasets import Dataset, Split, split
from training.recipe import Recipe, Stage

Floats = NDArray[np.float32]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained network and what came of it on the way."""

    model: Any
    parts: Split
    kept_stage: Literal[1, 2]
    calibration: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """One image one sample, with the label of its patient: inputs, one-hot labels and weights."""

    inputs: Floats
    labels: Floats
    weights: Floats

    @property
    def triple(self) -> tuple[Floats, Floats, Floats]:
        return self.inputs, self.labels, self.weights


def fit(data: Dataset, recipe: Recipe, *, say: Say) -> Fitted:
    """Train by the recipe, the same each time on one machine; ``say`` gets a line an epoch."""
    make_repeatable(recipe.seed)
    parts = split(data.labels, **recipe.split.model_dump(), seed=recipe.seed)
    train, validation = data.take(parts.train), data.take(parts.validation)
    model = mobilenet.build(None if recipe.weights == "none" else recipe.weights)
    first = _run_stage(model, mobilenet.HEAD_FROM, recipe.stage_1, parts=(train, validation), say=say)
    after_first = model.get_weights()
    second = _run_stage(model, recipe.train_from_layer, recipe.stage_2, parts=(train, validation), say=say)
    say(f"validation loss {first:.4f} after stage 1, {second:.4f} after stage 2")
    if second >= first:
        model.set_weights(after_first)
    kept: Literal[1, 2] = 2 if second < first else 1
    calibration = calibrate(logits(model, validation), validation.labels)
    mobilenet.divide_logits(model, calibration.folded_temperature)
    return Fitted(model, parts, kept, calibration)


def make_repeatable(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow and ask for deterministic kernels: seeds alone do not repeat a run."""
    with quiet_stderr():
        import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
        import tensorflow as tf  # noqa: PLC0415

        tf.zeros(())  # the first tensor greets too
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it calls a part of a model a retraced function
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def logits(model: Any, data: Dataset) -> Floats:
    """Keras' logits of every view of every patient, shape (n, 3 views, 3 labels)."""
    upto = mobilenet.segment(model, 0, len(model.layers) - 1)
    return _outputs(upto, data).reshape(len(data.patients), len(REQUIRED_VIEWS), len(LABELS))


def calibrate(values: Floats, truth: NDArray[np.intp]) -> Calibration:
    """The temperatures with the lowest NLL, for studies and for views, from logits (n, 3, 3) and labels (n,)."""
    study = _temperature(values.mean(axis=1), truth)
    views = _temperature(values.reshape(-1, len(LABELS)) / study, np.repeat(truth, len(REQUIRED_VIEWS)))
    return Calibration(folded_temperature=study, view_temperature=views)


def _temperature(values: Floats, truth: NDArray[np.intp]) -> float:
    """By search over a quarter to four in equal ratios: one number needs no optimiser."""
    candidates = np.geomspace(0.25, 4, 161)
    rows = np.arange(len(truth))
    losses = [-np.log(np.maximum(softmax(values / t)[rows, truth], 1e-12)).mean() for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def _run_stage(model: Any, start: int, stage: Stage, *, parts: tuple[Dataset, Dataset], say: Say) -> float:
    """Train the layers from ``start`` on, keep the best epoch's weights, return its validation loss."""
    import keras  # noqa: PLC0415

    mobilenet.freeze(model, below=start)
    frozen, trained = mobilenet.segment(model, 0, start), mobilenet.segment(model, start)
    train, validation = _samples(frozen, parts[0]), _samples(frozen, parts[1])
    say(f"training from layer {start}: {len(train.inputs)} images, {len(validation.inputs)} to validate")
    trained.compile(
        optimizer=keras.optimizers.Adam(stage.learning_rate),
        loss="categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=stage.patience, restore_best_weights=True)
    lines = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: say(_line(epoch, stage, logs)))
    trained.fit(
        train.inputs,
        train.labels,
        sample_weight=train.weights,
        validation_data=validation.triple,
        epochs=stage.epochs,
        batch_size=stage.batch,
        callbacks=[stop, lines],
        verbose=0,
    )
    return float(stop.best)


def _samples(frozen: Any, data: Dataset) -> _Samples:
    """Every view of every patient as the frozen layers show it; weights even out the labels."""
    labels = np.repeat(data.labels, len(REQUIRED_VIEWS))
    counts = np.bincount(labels, minlength=len(LABELS))
    weights = len(labels) / (len(LABELS) * np.maximum(counts, 1))
    return _Samples(
        inputs=_outputs(frozen, data),
        labels=np.eye(len(LABELS), dtype=np.float32)[labels],
        weights=weights[labels].astype(np.float32),
    )


def _outputs(part: Any, data: Dataset, *, batch: int = 48) -> Floats:
    """What a part that begins at the input makes of every view of every patient, first axis n * 3."""
    images = data.pixels.reshape(-1, *data.pixels.shape[2:])
    pieces = [part.predict_on_batch(scale(images[i : i + batch])) for i in range(0, len(images), batch)]
    return np.concatenate(pieces)


def _line(epoch: int, stage: Stage, values: dict[str, float]) -> str:
    return (
        f"epoch {epoch + 1:3d}/{stage.epochs}  loss {values['loss']:.4f}  accuracy {values['accuracy']:.3f}  "
        f"validation {values['val_loss']:.4f}  {values['val_accuracy']:.3f}"
    )
