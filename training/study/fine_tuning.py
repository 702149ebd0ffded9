"""The whole network on changed copies of the cohort's maps, BatchNorm frozen, started from a fitted last layer.

How many steps are worth it is read off patients that were left out; often it is none, and then the fitted layer stays.
Needs TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models import study_network
from models.study_input import NormalLimits
from training.study import choosing
from training.study.augmentation import augmented
from training.study.choosing import Cohort, Floats
from training.study.pretraining import VIEWS_WEIGHT, Pretrained
from training.study.recipe import FineTuning
from training.study.refit import Stage
from training.study.seeing import inputs, see
from training.study.weights import balanced

Look = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """Logits (n, 3) of left out patients after every number of steps, 0 among them, and their labels."""

    after: dict[int, Floats]
    labels: choosing.Labels


def try_steps(
    pretrained: Pretrained,
    cohort: Cohort,
    stage: Stage,
    recipe: FineTuning,
    *,
    folds: int,
    limits_share: float,
    seed: int,
) -> Tried:
    """Fine-tune without each fold in turn and ask about it every few steps."""
    after: dict[int, list[Floats]] = {}
    labels = []
    for inside, outside in choosing.divisions(cohort.labels, folds=folds, repeats=1, seed=seed):
        learned, left = cohort.take(inside), cohort.take(outside)
        limits = choosing.adapted(pretrained.limits, learned, limits_share)
        model = started(pretrained, learned, stage, limits)
        given = inputs(left.maps, limits)

        def look(step: int, model: Any = model, given: dict[str, Floats] = given) -> None:
            after.setdefault(step, []).append(model.predict_on_batch(given)["study_logits"])

        look(0)
        tune(model, learned, limits, recipe, steps=recipe.steps, seed=seed, look=look)
        labels.append(left.labels)
    return Tried({step: np.concatenate(found) for step, found in after.items()}, np.concatenate(labels))


def started(pretrained: Pretrained, cohort: Cohort, stage: Stage, limits: NormalLimits) -> Any:
    """A copy of the network with the stage's last layer, the original left as it is."""
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow

    head = choosing.fit_stage(pretrained, stage, (see(pretrained.model, cohort.maps, limits), cohort.labels))
    model = keras.models.clone_model(pretrained.model)
    model.set_weights(pretrained.model.get_weights())
    study_network.put_head(model, head)
    return model


def tune(
    model: Any,
    cohort: Cohort,
    limits: NormalLimits,
    recipe: FineTuning,
    *,
    steps: int,
    seed: int,
    look: Look | None = None,
) -> None:
    """Train for a number of steps; each batch is drawn so that the labels come equally often."""
    rng = np.random.default_rng(seed)
    chance = balanced(cohort.labels) / len(cohort.labels)
    study_network.freeze(model, whole_backbone=False)
    study_network.compile_for(model, recipe.learning_rate, VIEWS_WEIGHT)
    for step in range(1, steps + 1):
        drawn = rng.choice(len(cohort.labels), size=recipe.batch, p=chance / chance.sum())
        answers, weights = study_network.targets(cohort.labels[drawn], np.ones(recipe.batch, dtype=np.float32))
        model.train_on_batch(inputs(augmented(cohort.maps[drawn], rng), limits), answers, sample_weight=weights)
        if look and step % recipe.every == 0:
            look(step)
