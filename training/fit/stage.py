"""One stage: train the layers from one on, epoch by epoch, and keep the best epoch's weights. Needs TensorFlow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import mobilenet
from training.fit.checkpoint import Weights
from training.fit.course import Course, Epoch, Say, Step, Watch, line
from training.fit.feed import Batch, Feed
from training.fit.recipe import Stage


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A stage at the end of an epoch."""

    course: Course
    now: Weights
    best: Weights
    optimizer: Weights


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of the training: a line an epoch, each batch, and the state at the end of an epoch."""

    say: Say
    watch: Watch
    keep: Callable[[State], None]


def trained_part(model: Any, start: int, stage: Stage, *, norms: str) -> Any:
    """The layers from ``start`` on as a compiled model that shares their weights; all others are frozen."""
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow

    mobilenet.freeze(model, below=start, norms=norms)
    part = mobilenet.segment(model, start)
    optimizer = keras.optimizers.Adam(stage.learning_rate)
    part.compile(optimizer=optimizer, loss="categorical_crossentropy", weighted_metrics=["accuracy"])
    optimizer.build(part.trainable_variables)
    return part


def run(part: Any, stage: Stage, feeds: tuple[Feed, Feed], *, state: State, seed: int, told: Told) -> State:
    """Train ``part`` from ``state`` on to the stage's end, leave it with the best weights, return the last state."""
    if state.now:
        part.set_weights(state.now)
        for variable, value in zip(part.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
    while not state.course.is_over(stage):
        epoch = train_epoch(part, stage, feeds, course=state.course, seed=seed, watch=told.watch)
        course = state.course.with_epoch(epoch)
        now = part.get_weights()
        better = course.best is epoch
        optimizer = [np.asarray(variable) for variable in part.optimizer.variables]
        state = State(course, now, now if better else state.best, optimizer)
        told.say(line(epoch, stage))
        told.keep(state)
    part.set_weights(state.best or state.now)
    return state


def train_epoch(part: Any, stage: Stage, feeds: tuple[Feed, Feed], *, course: Course, seed: int, watch: Watch) -> Epoch:
    """Train one epoch and validate."""
    train, validation = feeds
    started = time.perf_counter()
    number = len(course.epochs) + 1
    seed_dropout(part, (seed, number))
    sums = np.zeros(4)
    for done, batch in enumerate(train.shuffled(number), start=1):
        values = part.train_on_batch(*batch, return_dict=True)  # of this batch alone
        size, weight = len(batch.weights), float(batch.weights.sum())
        sums += (size * values["loss"], size, weight * values["accuracy"], weight)
        watch(Step(course.stage, number, stage.epochs, done, len(train)))
    loss, accuracy = validate(part, validation)
    return Epoch(
        stage=course.stage,
        epoch=number,
        loss=float(sums[0] / sums[1]),
        accuracy=float(sums[2] / sums[3]),
        validation_loss=loss,
        validation_accuracy=accuracy,
        learning_rate=stage.learning_rate,
        seconds=round(time.perf_counter() - started, 3),
    )


def seed_dropout(part: Any, numbers: tuple[int, ...]) -> None:
    """Start every dropout layer's random numbers anew, from ``numbers``."""
    for index, layer in enumerate(part.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            words = np.random.SeedSequence((*numbers, index)).generate_state(2)
            generator.state.assign(words.astype(np.asarray(generator.state).dtype))


def validate(part: Any, feed: Feed) -> tuple[float, float]:
    """Weighted cross-entropy and accuracy of ``part`` on a feed."""
    losses: list[NDArray[np.float64]] = []
    hits: list[NDArray[np.float64]] = []
    weights: list[NDArray[np.float64]] = []
    for batch in feed.in_order():
        loss, hit = _scores(part, batch)
        losses.append(loss)
        hits.append(hit)
        weights.append(batch.weights.astype(np.float64))
    weight = np.concatenate(weights)
    total = float((np.concatenate(losses) * weight).mean())
    return total, float((np.concatenate(hits) * weight).sum() / weight.sum())


def _scores(part: Any, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cross-entropy and whether it is right, of each sample."""
    said = np.asarray(part.predict_on_batch(batch.inputs), dtype=np.float64)
    truth = batch.labels.argmax(axis=1)
    likelihood = np.maximum(said[np.arange(len(truth)), truth], 1e-7)  # as Keras bounds it
    return -np.log(likelihood), (said.argmax(axis=1) == truth).astype(np.float64)
