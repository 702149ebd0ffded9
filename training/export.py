"""From a trained Keras network to an artifact: conversion to LiteRT, parity, figures, card. Needs TensorFlow."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.types import REQUIRED_VIEWS
from models import artifact as artifacts
from models import card as cards
from models import explain, mobilenet
from models.artifact import Artifact
from models.card import Architecture, Card, Input, Parity
from models.classifier import Classifier, softmax
from models.preprocess import PREPROCESSING_VERSION
from training import converting, quantise
from training.artifact_folder import made
from training.datasets import Dataset
from training.evaluation.model import fit_tpd_rule, run
from training.finishing import NO_PARITY, Patients, finish, statement_of
from training.fit import Fitted, logits
from training.fit.identity import base_weights
from training.fit.recipe import ViewsRecipe
from training.lineage import libraries, lineage
from training.parity import checked


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
    patients = Patients(data, fitted.parts, held_out, recipe.data.held_out_made_by or "other patients")
    with made(out, name=recipe.name) as folder, converting.saved(fitted.model) as network:
        say("converting to LiteRT")
        (folder / artifacts.MODEL).write_bytes(network.to_litert())
        explain.save(mobilenet.head(fitted.model), folder / artifacts.HEAD)
        card = _first_card(fitted, recipe, patients, folder=folder, typed=typed)
        cards.write(card, folder / artifacts.CARD)
        classifier = Classifier(artifacts.load(folder), threads=2)
        parity = compare(classifier, fitted.model, _some(data, fitted), batch=recipe.test_batch)
        say(f"LiteRT against Keras on {parity.crops} crops: at most {parity.max_abs_difference:.1e} apart")
        finish(folder, card.model_copy(update={"parity": parity}), patients, say=say)
        if int8:
            train, others = data.take(fitted.parts.train), _some(data, fitted)
            full = quantise.add(folder, network, train=train, others=others, sets=patients.sets(), say=say)
            cards.write(full, folder / artifacts.CARD)
    return artifacts.load(out)


def compare(classifier: Classifier, model: Any, data: Dataset, *, batch: int = 48) -> Parity:
    """LiteRT against Keras on every view of ``data``; PerfuscopeError if they are not the same classifier."""
    theirs, ours = softmax(logits(model, data, batch=batch)), softmax(run(classifier, data))
    return checked(theirs, ours, crops=len(data.patients) * len(REQUIRED_VIEWS))


def _some(data: Dataset, fitted: Fitted) -> Dataset:
    """The patients that did not train; with very few of them, all."""
    others = np.concatenate([fitted.parts.validation, fitted.parts.test])
    return data.take(others) if len(others) * len(REQUIRED_VIEWS) >= 50 else data


def _first_card(fitted: Fitted, recipe: ViewsRecipe, patients: Patients, *, folder: Path, typed: str | None) -> Card:
    """The card without figures, which the classifier needs to compute them."""
    data = patients.data
    name, digest = base_weights(recipe.weights)
    commands = [*recipe.commands, *([f"typed: {typed}"] if typed else [])]
    return Card(
        name=recipe.name,
        version=recipe.version,
        statement=statement_of(data),
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
        training=patients.described(made_by=recipe.data.made_by, seed=recipe.seed),
        calibration=fitted.calibration,
        review_below=recipe.review_below,
        tpd_rule=fit_tpd_rule(data.take(fitted.parts.train)),
        evaluations=(),
        parity=NO_PARITY,
        lineage=lineage(recipe, patients.manifests()),
        commands=tuple(commands),
        libraries=libraries(),
        files={file: artifacts.sha256(folder / file) for file in artifacts.HASHED},
    )


def _head(recipe: ViewsRecipe) -> str:
    first, second = recipe.dropout
    return f"global average pooling, Dense 128 ReLU, Dropout {first:g}, Dense 256 ReLU, Dropout {second:g}, Dense 3"
