"""Training by a recipe of the kind ``study``: pretrained, then fitted to a cohort, in one network. Needs TensorFlow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import LABELS
from models import study_network
from models.card import Calibration
from models.study_head import Head
from models.study_input import NormalLimits
from training.datasets import Dataset, Split, split
from training.study import choosing, fine_tuning, refit
from training.study.choosing import Cohort
from training.study.pretraining import Pretrained, Say, pretrain
from training.study.recipe import StudyRecipe
from training.study.refit import Stage
from training.study.seeing import see
from training.study.simulated import Progress
from training.study.weights import balanced_loss, temperature

Floats = NDArray[np.float32]
Predictor = Callable[[Dataset], tuple[Floats, Floats]]
"""From patients to study logits (n, 3) and view logits (n, 3, 3)."""

LeftOut = tuple[Floats, NDArray[np.intp]]
"""Logits (m, 3) and labels (m,) of patients that a stage was not fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class StudyFitted:
    """A trained network and what came of it on the way."""

    model: Any
    parts: Split
    kept_stage: str
    losses: Mapping[str, float]
    """Of every stage on patients it was not fitted on, each label weighing the same."""
    calibration: Calibration
    """The study's temperature is folded into the network."""
    limits: NormalLimits
    head: Head
    left_out: LeftOut
    """Calibrated logits (m, 3) of patients left out and their labels (m,): for thresholds and the review band."""


def fit(
    data: Dataset,
    recipe: StudyRecipe,
    *,
    run: Path,
    say: Say,
    progress: Progress | None = None,
    workers: int = 1,
) -> StudyFitted:
    """Train by the recipe; ``run`` keeps simulated patients and the pretrained network for another time.

    A data set that is divided already keeps its subsets. PerfuscopeError where a patient has no polar maps.
    """
    parts = _parts(data, recipe)
    seed = recipe.seed
    pretrained = pretrain(recipe.pretraining, seed=seed, kept=run, workers=workers, say=say, progress=progress)
    learned = np.sort(np.concatenate([parts.train, parts.validation]))
    return adapt(pretrained, cohort_of(data.take(learned)), recipe, parts=parts, say=say)


def trainer(recipe: StudyRecipe, pretrained: Pretrained) -> Callable[[Dataset, Dataset, int], Predictor]:
    """What fits by the recipe to given patients, whatever split the recipe names, for cross-validation.

    The pretrained network is not trained again: it never saw the cohort.
    """

    def train(patients: Dataset, validation: Dataset, seed: int) -> Predictor:
        both = [cohort_of(patients), cohort_of(validation)]
        cohort = Cohort(np.concatenate([c.maps for c in both]), np.concatenate([c.labels for c in both]))
        none = np.empty(0, dtype=np.intp)
        chosen = recipe.model_copy(update={"seed": seed})
        fitted = adapt(pretrained, cohort, chosen, parts=Split(none, none, none), say=lambda _: None)
        return lambda data: predict(fitted.model, fitted.head, fitted.limits, cohort_of(data).maps)

    return train


def adapt(pretrained: Pretrained, cohort: Cohort, recipe: StudyRecipe, *, parts: Split, say: Say) -> StudyFitted:
    """Fit the pretrained network to a cohort, by the stage that does best on patients it was not fitted on."""
    stages = refit.stages(recipe.refit.cohort_weights, recipe.refit.strengths, recipe.refit.networks)
    apart = choosing.out_of_fold(
        pretrained,
        cohort,
        stages,
        folds=recipe.folds,
        repeats=recipe.repeats,
        limits_share=recipe.refit.limits_from_cohort,
        seed=recipe.seed,
    )
    losses = apart.losses()
    for name, loss in losses.items():
        say(f"loss on patients left out {loss:.4f}  {name}")
    kept = choosing.choose(losses, favourite=recipe.refit.favourite, margin=recipe.refit.margin)
    stage = next(stage for stage in stages if stage.name == kept)
    steps, left_out = _worth(pretrained, cohort, stage, recipe, before=(apart.study[kept], apart.labels))
    calibration = Calibration(
        folded_temperature=temperature(*left_out),
        view_temperature=temperature(
            apart.views.reshape(-1, len(LABELS)), np.repeat(apart.labels, apart.views.shape[1])
        ),
    )
    limits = choosing.adapted(pretrained.limits, cohort, recipe.refit.limits_from_cohort)
    model, head = _ended(pretrained, cohort, stage, recipe, limits=limits, steps=steps)
    head = head.divided(calibration.folded_temperature, 1.0)
    study_network.put_head(model, head)
    kept = f"{kept}, fine-tuned for {steps} steps" if steps else kept
    say(f"kept: {kept}; temperature {calibration.folded_temperature:g}")
    left_out = left_out[0] / np.float32(calibration.folded_temperature), left_out[1]
    return StudyFitted(model, parts, kept, losses, calibration, limits, head, left_out)


def _ended(
    pretrained: Pretrained, cohort: Cohort, stage: Stage, recipe: StudyRecipe, *, limits: NormalLimits, steps: int
) -> tuple[Any, Head]:
    """The network and the head of a stage fitted to the whole cohort, fine-tuned for a number of steps."""
    if recipe.fine_tuning and steps:
        model = fine_tuning.started(pretrained, cohort, stage, limits)
        fine_tuning.tune(model, cohort, limits, recipe.fine_tuning, steps=steps, seed=recipe.seed)
        return model, study_network.head(model)
    seen = see(pretrained.model, cohort.maps, limits)
    return pretrained.model, choosing.fit_stage(pretrained, stage, (seen, cohort.labels))


def _worth(
    pretrained: Pretrained, cohort: Cohort, stage: Stage, recipe: StudyRecipe, *, before: LeftOut
) -> tuple[int, LeftOut]:
    """How many steps of fine-tuning do best on patients left out, 0 among them, and what is said of these then."""
    if recipe.fine_tuning is None:
        return 0, before
    tried = fine_tuning.try_steps(
        pretrained,
        cohort,
        stage,
        recipe.fine_tuning,
        folds=recipe.folds,
        limits_share=recipe.refit.limits_from_cohort,
        seed=recipe.seed,
    )
    losses = {step: balanced_loss(logits, tried.labels) for step, logits in tried.after.items()}
    best = min(losses, key=lambda step: losses[step])
    worth = losses[0] - losses[best] > recipe.refit.margin
    return (best, (tried.after[best], tried.labels)) if worth else (0, before)


def predict(model: Any, head: Head, limits: NormalLimits, maps: Floats) -> tuple[Floats, Floats]:
    """Study logits (n, 3) and view logits (n, 3 views, 3) of patients' maps."""
    seen = see(model, maps, limits)
    return choosing.study_logits(head, seen), choosing.view_logits(head, seen)


def cohort_of(data: Dataset) -> Cohort:
    """The maps and labels of a data set; PerfuscopeError where a patient has no polar maps."""
    without = [p for p, maps in zip(data.patients, data.maps, strict=True) if np.isnan(maps).any()]
    if without:
        raise PerfuscopeError(
            f"{len(without)} patients have no polar maps, {without[0]} among them; a study model needs them."
        )
    return Cohort(data.maps, data.labels)


def _parts(data: Dataset, recipe: StudyRecipe) -> Split:
    """The subsets that the data set has, or a split by the recipe."""
    if not (data.subset == "").all():
        return Split(*(np.flatnonzero(data.subset == name) for name in ("train", "validation", "test")))
    return split(data.labels, **recipe.split.model_dump(), seed=recipe.seed)


__all__ = ["Predictor", "StudyFitted", "adapt", "cohort_of", "fit", "predict", "trainer"]
