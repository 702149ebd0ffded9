"""From a fitted study model to its artifact: conversion to LiteRT, parity, novelty, figures, card. Needs TensorFlow."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models import artifact as artifacts
from models import card as cards
from models import networks, study_features, study_head, study_input
from models.artifact import Artifact
from models.card import Architecture, Card, Input, Parity, ReviewBand, StudyInput
from models.classifier import softmax
from models.preprocess import PREPROCESSING_VERSION
from models.study_network import WIDTH
from training.artifact_folder import made
from training.datasets import Dataset
from training.evaluation import review_band
from training.evaluation.answers import Answers
from training.evaluation.model import fit_tpd_rule
from training.finishing import NO_PARITY, Patients, finish, statement_of
from training.lineage import libraries, lineage
from training.parity import checked
from training.study.exporting import to_litert
from training.study.fitting import StudyFitted, predict
from training.study.recipe import StudyRecipe

_COMPARED = 200
"""Patients on whom LiteRT is held to Keras."""


def export(
    fitted: StudyFitted,
    recipe: StudyRecipe,
    *,
    data: Dataset,
    held_out: Dataset | None,
    out: Path,
    say: Callable[[str], None],
    typed: str | None = None,
) -> Artifact:
    """Write the artifact folder ``out``, whole or not at all, and return it verified.

    ``typed`` is the command as it was given. PerfuscopeError if ``out`` exists with something in it, if LiteRT and
    Keras disagree, or if it cannot be written.
    """
    patients = Patients(data, fitted.parts, held_out, recipe.data.held_out_made_by or "other patients")
    with made(out, name=recipe.name) as folder:
        say("converting to LiteRT")
        (folder / artifacts.MODEL).write_bytes(to_litert(fitted.model))
        study_head.save(fitted.head, folder / artifacts.HEAD)
        study_input.save(fitted.limits, folder / artifacts.LIMITS)
        card = _first_card(fitted, recipe, patients, folder=folder, typed=typed)
        cards.write(card, folder / artifacts.CARD)
        parity = compare(artifacts.load(folder), fitted, data)
        say(f"LiteRT against Keras on {parity.crops} crops: at most {parity.max_abs_difference:.1e} apart")
        finish(folder, card.model_copy(update={"parity": parity}), patients, say=say)
    return artifacts.load(out)


def compare(artifact: Artifact, fitted: StudyFitted, data: Dataset) -> Parity:
    """LiteRT against Keras on studies and views of ``data``; PerfuscopeError if they are not the same classifier."""
    some = data.take(np.arange(min(_COMPARED, len(data.patients))))
    network = networks.load(artifact, threads=2)
    seen = [network.study(pixels, maps) for pixels, maps in zip(some.pixels, some.maps, strict=True)]
    ours = np.array([[said.logits, *(view.logits for view in said.views)] for said in seen])
    study, views = predict(fitted.model, fitted.head, fitted.limits, some.maps)
    return checked(
        softmax(np.concatenate([study[:, np.newaxis], views], axis=1)), softmax(ours), crops=ours[:, 1:, 0].size
    )


def _first_card(
    fitted: StudyFitted, recipe: StudyRecipe, patients: Patients, *, folder: Path, typed: str | None
) -> Card:
    """The card without figures, which the classifier needs to compute them."""
    band, below = _band(fitted, recipe)
    learned = recipe.pretraining
    return Card(
        kind="study",
        name=recipe.name,
        version=recipe.version,
        statement=statement_of(patients.data),
        created=datetime.now(UTC).replace(microsecond=0),
        preprocessing=PREPROCESSING_VERSION,
        input=Input(layouts=dict(patients.data.layouts)),
        study=StudyInput(
            version=study_input.STUDY_INPUT_VERSION,
            size=study_input.SIZE,
            features=study_features.names(),
            limits=f"normal simulated patients ({learned.population}), moved by "
            f"{recipe.refit.limits_from_cohort:.0%} towards the data set's normal patients",
        ),
        architecture=Architecture(
            base=f"MobileNet V1, width {WIDTH:g}, {study_input.SIZE} x {study_input.SIZE}, shared by the three views",
            head=f"global average pooling and {len(study_features.names())} quantities, Dense 32 ReLU, Dense 3",
            base_weights=f"from {learned.patients} simulated patients ({learned.population}, seed {learned.seed})",
            base_weights_sha256=None,
            trained_in_stage_2="the last layer, on the data set and simulated patients set aside",
            kept_stage=fitted.kept_stage,
        ),
        training=patients.described(made_by=recipe.data.made_by, seed=recipe.seed),
        calibration=fitted.calibration,
        review_below=below,
        review=band,
        tpd_rule=fit_tpd_rule(patients.data.take(fitted.parts.train)),
        evaluations=(),
        parity=NO_PARITY,
        lineage=lineage(recipe, patients.manifests()),
        commands=(*recipe.commands, *([f"typed: {typed}"] if typed else [])),
        libraries=libraries(),
        files={name: artifacts.sha256(folder / name) for name in (*artifacts.HASHED, artifacts.LIMITS)},
    )


def _band(fitted: StudyFitted, recipe: StudyRecipe) -> tuple[ReviewBand | None, float]:
    """The review band from the answers to patients left out; the recipe's threshold where none keeps the risk."""
    logits, truth = fitted.left_out
    answers = Answers.once(recipe.name, softmax(logits))
    found = review_band.choose(truth, answers, target=recipe.accepted_wrong)
    if not found.met or found.accepted.value is None or found.wrong_among_accepted.value is None:
        return None, recipe.review_below
    band = ReviewBand(
        wanted_accuracy=1 - recipe.accepted_wrong,
        accuracy=1 - found.wrong_among_accepted.value,
        coverage=found.accepted.value,
        patients=len(truth) // recipe.repeats,
    )
    return band, round(found.review_below, 3)
