"""From a trained Keras network to an artifact: conversion to LiteRT, parity, figures, card. Needs TensorFlow."""

import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from core import TRAINED_ON
from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS
from models import artifact as artifacts
from models import card as cards
from models import explain, mobilenet
from models.artifact import Artifact
from models.card import Architecture, Card, Input, Parity, TrainingData
from models.chatter import quiet_stderr
from models.classifier import Classifier, softmax
from models.preprocess import PREPROCESSING_VERSION
from training.dataset import Dataset
from training.evaluate import evaluate, fit_tpd_rule, run
from training.fit import Fitted, logits
from training.fit.identity import base_weights
from training.fit.recipe import ViewsRecipe as Recipe

TOLERANCE = 1e-4
"""Largest difference of a probability between Keras and LiteRT that is let pass."""

_TRAINED_ON_CLINICAL = "Trained on clinical images; research use only, not for diagnosis."

_LIBRARIES = ("tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")


def export(
    fitted: Fitted,
    recipe: Recipe,
    *,
    data: Dataset,
    held_out: Dataset | None,
    out: Path,
    say: Callable[[str], None],
) -> Artifact:
    """Write the artifact folder ``out``, whole or not at all, and return it verified.

    PerfuscopeError if ``out`` exists with something in it, or if LiteRT and Keras disagree.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as temporary:
        folder = Path(temporary) / recipe.name
        folder.mkdir()
        say("converting to LiteRT")
        (folder / artifacts.MODEL).write_bytes(to_litert(fitted.model))
        explain.save(mobilenet.head(fitted.model), folder / artifacts.HEAD)
        card = _first_card(fitted, recipe, data=data, folder=folder)
        cards.write(card, folder / artifacts.CARD)
        classifier = Classifier(artifacts.load(folder), threads=2)
        parity = compare(classifier, fitted.model, _some(data, fitted))
        say(f"LiteRT against Keras on {parity.crops} crops: at most {parity.max_abs_difference:.1e} apart")
        test = data.take(fitted.parts.test)
        full = _with_figures(card, parity, classifier=classifier, test=test, held_out=held_out, recipe=recipe)
        cards.write(full, folder / artifacts.CARD)
        if out.is_dir():
            out.rmdir()
        folder.rename(out)
    return artifacts.load(out)


def check_free(out: Path) -> None:
    """PerfuscopeError unless ``out`` is an empty folder or does not exist."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PerfuscopeError(f"{out} is not empty; name a new folder for the artifact.")


def to_litert(model: Any) -> bytes:
    """The LiteRT file of a network: input (1, 224, 224, 3), outputs logits (1, 3) and feature map (1, 7, 7, 1024)."""
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    exported = mobilenet.logits_and_features(model)
    shape = tf.TensorSpec((1, *model.input.shape[1:]), tf.float32, name="pixels")
    archive = keras.export.ExportArchive()
    archive.track(exported)
    archive.add_endpoint("serve", lambda pixels: _named(exported(pixels, training=False)), input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _named(outputs: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("logits", "features"), outputs, strict=True))


def compare(classifier: Classifier, model: Any, data: Dataset) -> Parity:
    """LiteRT against Keras on every view of ``data``; PerfuscopeError if they are not the same classifier."""
    theirs, ours = softmax(logits(model, data)), softmax(run(classifier, data))
    parity = Parity(
        crops=len(data.patients) * len(REQUIRED_VIEWS),
        max_abs_difference=float(f"{np.abs(theirs - ours).max():.3g}"),
        flips=int((theirs.argmax(-1) != ours.argmax(-1)).sum()),
    )
    if parity.max_abs_difference >= TOLERANCE or parity.flips:
        raise PerfuscopeError(
            f"LiteRT and Keras differ by {parity.max_abs_difference:g} with {parity.flips} other answers: not exported."
        )
    return parity


def check_apart(data: Dataset, held_out: Dataset) -> None:
    """PerfuscopeError if a held-out patient is also among those the network learns from."""
    both = set(data.patients) & set(held_out.patients)
    if both:
        raise PerfuscopeError(f"{len(both)} patients are in the training data and in the held-out data.")


def _some(data: Dataset, fitted: Fitted) -> Dataset:
    """The patients that did not train; with very few of them, all."""
    others = np.concatenate([fitted.parts.validation, fitted.parts.test])
    return data.take(others) if len(others) * len(REQUIRED_VIEWS) >= 50 else data


def _first_card(fitted: Fitted, recipe: Recipe, *, data: Dataset, folder: Path) -> Card:
    """The card without figures, which the classifier needs to compute them."""
    name, digest = base_weights(recipe.weights)
    return Card(
        name=recipe.name,
        version=recipe.version,
        statement=TRAINED_ON if data.source == "simulated" else _TRAINED_ON_CLINICAL,
        created=datetime.now(UTC).replace(microsecond=0),
        preprocessing=PREPROCESSING_VERSION,
        input=Input(layouts=dict(data.layouts)),
        architecture=Architecture(
            base="MobileNet V1, width 1.0, 224 x 224, without top",
            head=_head(recipe),
            base_weights=name,
            base_weights_sha256=digest,
            trained_in_stage_2=f"layers from {recipe.train_from_layer} on, BatchNorm {recipe.batch_norm}",
            kept_stage=fitted.kept_stage,
        ),
        training=_training_data(fitted, recipe, data),
        calibration=fitted.calibration,
        review_below=recipe.review_below,
        tpd_rule=fit_tpd_rule(data.take(fitted.parts.train)),
        evaluations=(),
        parity=Parity(crops=0, max_abs_difference=0, flips=0),
        commands=tuple(recipe.commands),
        libraries=_libraries(),
        files={file: artifacts.sha256(folder / file) for file in artifacts.HASHED},
    )


def _head(recipe: Recipe) -> str:
    first, second = recipe.dropout
    return f"global average pooling, Dense 128 ReLU, Dropout {first:g}, Dense 256 ReLU, Dropout {second:g}, Dense 3"


def _with_figures(
    card: Card,
    parity: Parity,
    *,
    classifier: Classifier,
    test: Dataset,
    held_out: Dataset | None,
    recipe: Recipe,
) -> Card:
    parts = [("internal test part", test)] if test.patients else []
    if held_out is not None:
        parts.append((f"held out: {recipe.data.held_out_made_by or 'other patients'}", held_out))
    evaluations = [evaluate(classifier, part, name=name) for name, part in parts]
    return card.model_copy(update={"parity": parity, "evaluations": tuple(evaluations)})


def _training_data(fitted: Fitted, recipe: Recipe, data: Dataset) -> TrainingData:
    parts = fitted.parts
    return TrainingData(
        source=data.source,
        made_by=recipe.data.made_by,
        split_seed=recipe.seed,
        patients=len(data.patients),
        labels=data.counts(),
        split={
            "train": data.take(parts.train).counts(),
            "validation": data.take(parts.validation).counts(),
            "test": data.take(parts.test).counts(),
        },
    )


def _libraries() -> dict[str, str]:
    found: dict[str, str] = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
