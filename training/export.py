"""From a trained Keras network to an artifact: conversion to LiteRT, parity, figures, card. Needs TensorFlow."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
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
from models.classifier import Classifier, softmax
from models.preprocess import PREPROCESSING_VERSION
from training import quantise
from training.converting import to_litert
from training.dataset import Dataset
from training.evaluate import evaluate, fit_tpd_rule, run
from training.fit import Fitted, logits
from training.fit.identity import base_weights
from training.fit.recipe import ViewsRecipe
from training.lineage import libraries, lineage

TOLERANCE = 1e-4
"""Largest difference of a probability between Keras and LiteRT that is let pass."""

_TRAINED_ON_CLINICAL = "Trained on clinical images; research use only, not for diagnosis."


def export(
    fitted: Fitted,
    recipe: ViewsRecipe,
    *,
    data: Dataset,
    held_out: Dataset | None,
    out: Path,
    say: Callable[[str], None],
    int8: bool = False,
    typed: str | None = None,
) -> Artifact:
    """Write the artifact folder ``out``, whole or not at all, and return it verified.

    With ``int8`` a variant in 8-bit integers lies beside the model, with figures of its own in the card. ``typed`` is
    the command as it was given. PerfuscopeError if ``out`` exists with something in it, if LiteRT and Keras disagree,
    or if it cannot be written.
    """
    check_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as temporary:
            folder = Path(temporary) / recipe.name
            folder.mkdir()
            _fill(folder, fitted, recipe, data=data, held_out=held_out, say=say, int8=int8, typed=typed)
            if out.is_dir():
                out.rmdir()
            folder.rename(out)
    except OSError as error:
        raise PerfuscopeError(f"{out} cannot be written: {error.strerror or type(error).__name__}.") from error
    return artifacts.load(out)


def _fill(
    folder: Path,
    fitted: Fitted,
    recipe: ViewsRecipe,
    *,
    data: Dataset,
    held_out: Dataset | None,
    say: Callable[[str], None],
    int8: bool,
    typed: str | None,
) -> None:
    """Write every file of the artifact into ``folder``, the card last."""
    say("converting to LiteRT")
    (folder / artifacts.MODEL).write_bytes(to_litert(fitted.model))
    explain.save(mobilenet.head(fitted.model), folder / artifacts.HEAD)
    card = _first_card(fitted, recipe, data=data, held_out=held_out, folder=folder, typed=typed)
    cards.write(card, folder / artifacts.CARD)
    classifier, others = Classifier(artifacts.load(folder), threads=2), _some(data, fitted)
    parity = compare(classifier, fitted.model, others, batch=recipe.test_batch)
    say(f"LiteRT against Keras on {parity.crops} crops: at most {parity.max_abs_difference:.1e} apart")
    sets = _evaluated(data.take(fitted.parts.test), held_out, recipe)
    evaluations = tuple(evaluate(classifier, part, name=name) for name, part in sets)
    full = card.model_copy(update={"parity": parity, "evaluations": evaluations})
    cards.write(full, folder / artifacts.CARD)
    if int8:
        full = quantise.add(folder, fitted, data=data, others=others, sets=sets, say=say)
        cards.write(full, folder / artifacts.CARD)


def check_free(out: Path) -> None:
    """PerfuscopeError unless ``out`` is an empty folder or does not exist."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PerfuscopeError(f"{out} is not empty; name a new folder for the artifact.")


def compare(classifier: Classifier, model: Any, data: Dataset, *, batch: int = 48) -> Parity:
    """LiteRT against Keras on every view of ``data``; PerfuscopeError if they are not the same classifier."""
    theirs, ours = softmax(logits(model, data, batch=batch)), softmax(run(classifier, data))
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


def _first_card(
    fitted: Fitted, recipe: ViewsRecipe, *, data: Dataset, held_out: Dataset | None, folder: Path, typed: str | None
) -> Card:
    """The card without figures, which the classifier needs to compute them."""
    name, digest = base_weights(recipe.weights)
    manifests = {"train": data.truth_sha256} | ({"held out": held_out.truth_sha256} if held_out else {})
    commands = [*recipe.commands, *([f"typed: {typed}"] if typed else [])]
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
        lineage=lineage(recipe, manifests),
        commands=tuple(commands),
        libraries=libraries(),
        files={file: artifacts.sha256(folder / file) for file in artifacts.HASHED},
    )


def _head(recipe: ViewsRecipe) -> str:
    first, second = recipe.dropout
    return f"global average pooling, Dense 128 ReLU, Dropout {first:g}, Dense 256 ReLU, Dropout {second:g}, Dense 3"


def _evaluated(test: Dataset, held_out: Dataset | None, recipe: ViewsRecipe) -> list[tuple[str, Dataset]]:
    """The patients whose figures go into the card, by what they are called there."""
    parts = [("internal test part", test)] if test.patients else []
    if held_out is not None:
        parts.append((f"held out: {recipe.data.held_out_made_by or 'other patients'}", held_out))
    return parts


def _training_data(fitted: Fitted, recipe: ViewsRecipe, data: Dataset) -> TrainingData:
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
