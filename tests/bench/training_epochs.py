"""Seconds per epoch of the recipe ``original`` against Keras' own ImageDataGenerator and ``fit``, at equal work.

Both sides have the same images, augmentation, batches, network, weights of the samples and trained layers, and
validate after the epoch.
Keras 3.15 has the generator in ``keras.src.legacy`` alone; it is used as it is, with its defaults.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from row import Row, alternating

from training import recipe as recipes
from training.fit import network
from training.fit import stage as stages
from training.fit.course import Course, unheard
from training.fit.feed import Feed, Samples
from training.fit.frozen import WORTH_CONVERTING, frozen_part
from training.fit.recipe import Stage, ViewsRecipe

_ROUNDS = 5
_TRAIN, _VALIDATION = 144, 51
"""Images: 48 and 17 patients, as in a cohort of 87."""


def rows() -> Iterator[Row]:
    """Both stages: the head on the frozen base, and the layers from 60 on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    recipe = recipes.read(recipes.find("original")).model_copy(update={"weights": "none"})
    network.make_repeatable(recipe.seed)
    train, validation = _samples(_TRAIN, seed=1), _samples(_VALIDATION, seed=2)
    for name, stage, start in (("head alone", recipe.stage_1, 87), ("from layer 60 on", recipe.stage_2, 60)):
        sides = {
            "ours": _ours(recipe, stage, start, (train, validation)),
            "keras": _keras(recipe, stage, start, (train, validation)),
        }
        for side in sides.values():
            side()
        seconds = alternating(sides, rounds=_ROUNDS)
        yield Row(f"one epoch of original, {name}: ImageDataGenerator and Keras' fit", f"{seconds['keras']:.2f} s")
        ratio = seconds["keras"] / seconds["ours"]
        yield Row(f"one epoch of original, {name}: ours", f"{seconds['ours']:.2f} s", f"{ratio:.1f} x as fast", "2 x")


def _samples(count: int, *, seed: int) -> Samples:
    """Images of noise: the time does not depend on what they show."""
    images = np.random.default_rng(seed).integers(0, 255, (count, 224, 224, 3), dtype=np.uint8)
    return Samples(images, np.arange(count) % 3, np.linspace(0.5, 1.5, count, dtype=np.float32))


def _ours(recipe: ViewsRecipe, stage: Stage, start: int, data: tuple[Samples, Samples]) -> Callable[[], float]:
    """The engine's epoch; validation activations are kept from the first epoch on, as in a run."""
    model = network.build(recipe)
    part = stages.trained_part(model, start, stage, norms=recipe.batch_norm)
    frozen = frozen_part(model, start, images=WORTH_CONVERTING)
    feeds = (
        Feed(data[0], frozen, batch=stage.batch, seed=1, augment=recipe.augment),
        Feed(data[1], frozen, batch=recipe.validation_batch, seed=1),
    )
    course = Course(1)

    def seconds() -> float:
        nonlocal course
        started = time.perf_counter()
        epoch = stages.train_epoch(part, stage, feeds, course=course, seed=1, watch=unheard)
        course = course.with_epoch(epoch)
        return time.perf_counter() - started

    return seconds


def _keras(recipe: ViewsRecipe, stage: Stage, start: int, data: tuple[Samples, Samples]) -> Callable[[], float]:
    """The whole network compiled with the same layers frozen, fed by the generator."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    from models import mobilenet

    model: Any = network.build(recipe)
    mobilenet.freeze(model, below=start, norms=recipe.batch_norm)
    model.compile(
        keras.optimizers.Adam(stage.learning_rate), loss="categorical_crossentropy", weighted_metrics=["accuracy"]
    )
    scaled = {"preprocessing_function": lambda image: image / 127.5 - 1}
    augment = recipe.augment
    assert augment is not None
    turned = ImageDataGenerator(
        rotation_range=augment.rotation_degrees,
        width_shift_range=augment.shift,
        height_shift_range=augment.shift,
        brightness_range=augment.brightness,
        **scaled,
    )
    train, validation = ((s.images.astype(np.float32), np.eye(3, dtype=np.float32)[s.labels]) for s in data)
    fed = turned.flow(*train, sample_weight=data[0].weights, batch_size=stage.batch, seed=1)
    plain = ImageDataGenerator(**scaled).flow(*validation, batch_size=recipe.validation_batch, shuffle=False)

    def seconds() -> float:
        started = time.perf_counter()
        model.fit(fed, validation_data=plain, epochs=1, verbose=0)
        return time.perf_counter() - started

    return seconds
