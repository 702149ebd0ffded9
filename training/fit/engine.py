"""Training by a recipe of kind ``views``: the head on the frozen base, then the base's upper layers with it.

The layers below what a stage trains never change, so they are computed apart and, where images come again, once.
Needs TensorFlow.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.errors import PerfuscopeError
from models import mobilenet
from models.card import Calibration
from training.datasets import Dataset, Split
from training.evaluation.calibration import calibrate
from training.fit import network, run_folder
from training.fit import stage as stages
from training.fit.checkpoint import Checkpoint, Weights
from training.fit.course import Course, Epoch, Say, Watch, unheard
from training.fit.curves import draw
from training.fit.events import Events
from training.fit.feed import Feed, Samples
from training.fit.frozen import frozen_part
from training.fit.identity import facts_of
from training.fit.parts import check_labels, parts_of
from training.fit.recipe import Stage, ViewsRecipe
from training.fit.run_folder import RunFolder
from training.fit.stage import State, Told


class Diverged(PerfuscopeError):  # noqa: N818 - named as its siblings are, for what happened
    """No epoch of a stage had a validation loss that is a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained network and what came of it on the way."""

    model: Any
    parts: Split
    kept_stage: Literal[1, 2]
    calibration: Calibration
    epochs: tuple[Epoch, ...] = ()


def fit(
    data: Dataset,
    recipe: ViewsRecipe,
    *,
    run: Path | None = None,
    say: Say,
    watch: Watch = unheard,
) -> Fitted:
    """Train by the recipe, the same each time on one machine; ``say`` gets a line an epoch, ``watch`` each batch.

    ``run`` is the folder of checkpoints, logs and curves: the same call goes on where a killed one was, to the same
    bits. PerfuscopeError if it belongs to another recipe, data set or weights, or cannot be written.
    """
    parts = parts_of(data, recipe)
    opened = run_folder.opened(run, recipe, facts_of(data, parts, recipe)) if run else nullcontext(None)
    with opened as folder:
        train, validation = data.take(parts.train), data.take(parts.validation)
        fitted = fit_parts(train, validation, recipe, folder=folder, say=say, watch=watch)
    return replace(fitted, parts=parts)


def fit_parts(
    train: Dataset,
    validation: Dataset,
    recipe: ViewsRecipe,
    *,
    folder: RunFolder | None = None,
    say: Say,
    watch: Watch = unheard,
) -> Fitted:
    """Train on some patients and validate on others; positions in ``parts`` count through both, without a test part.

    PerfuscopeError if a label is missing in one of them.
    """
    check_labels(train, "train")
    check_labels(validation, "validation")
    network.make_repeatable(recipe.seed)
    model = network.build(recipe)
    courses = _Training(model, recipe, (train, validation), folder, say, watch).run()
    calibration = calibrate(network.logits(model, validation), validation.labels)
    mobilenet.divide_logits(model, calibration.folded_temperature)
    kept: Literal[1, 2] = 2 if _second_is_kept(courses, recipe) else 1
    counted = np.arange(len(train.patients) + len(validation.patients), dtype=np.intp)
    parts = Split(counted[: len(train.patients)], counted[len(train.patients) :], counted[:0])
    return Fitted(model, parts, kept, calibration, tuple(e for course in courses for e in course.epochs))


def _second_is_kept(courses: tuple[Course, ...], recipe: ViewsRecipe) -> bool:
    return recipe.keep == "last" or courses[1].best_loss < courses[0].best_loss


@dataclass(frozen=True, slots=True, eq=False)
class _Training:
    """Both stages of one run."""

    model: Any
    recipe: ViewsRecipe
    data: tuple[Dataset, Dataset]
    folder: RunFolder | None
    say: Say
    watch: Watch

    def run(self) -> tuple[Course, Course]:
        """Train what is not yet trained; afterwards the model has the kept stage's best weights."""
        found = self.folder.load() if self.folder else None
        if found:
            last = found.courses[-1]
            self.say(f"going on after epoch {len(last.epochs)} of stage {last.stage}")
        first, head = self._first(found)
        mobilenet.segment(self.model, mobilenet.HEAD_FROM).set_weights(head)
        upper = mobilenet.segment(self.model, self.recipe.train_from_layer)
        after_first = upper.get_weights()
        second = self._stage(
            self.recipe.stage_2, _state(found, 2), start=self.recipe.train_from_layer, before=(first,), head=head
        )
        courses = (first, second.course)
        self._told_of(courses)
        if not _second_is_kept(courses, self.recipe):
            upper.set_weights(after_first)
        return courses

    def _first(self, found: Checkpoint | None) -> tuple[Course, Weights]:
        """The course of stage 1 and the head it leaves."""
        if found and len(found.courses) == 2:
            return found.courses[0], found.head
        state = self._stage(self.recipe.stage_1, _state(found, 1), start=mobilenet.HEAD_FROM)
        return state.course, state.best or state.now

    def _stage(
        self, stage: Stage, state: State, *, start: int, before: tuple[Course, ...] = (), head: Weights = ()
    ) -> State:
        """Train the layers from ``start`` on; ``before`` and ``head`` go into the checkpoints."""
        part = stages.trained_part(self.model, start, stage, norms=self.recipe.batch_norm)
        seed = 2 * self.recipe.seed + len(before)
        feeds = self._feeds(start, stage, seed=seed)
        self.say(f"stage {state.course.stage}: training from layer {start} on, {_counted(feeds)}")
        with self._kept(before, state.course, head) as keep:
            return stages.run(part, stage, feeds, state=state, seed=seed, told=Told(self.say, self.watch, keep))

    def _feeds(self, start: int, stage: Stage, *, seed: int) -> tuple[Feed, Feed]:
        recipe, augment = self.recipe, self.recipe.augment
        train = Samples.of(self.data[0], weighted=recipe.class_weights)
        validation = Samples.of(self.data[1], weighted=recipe.weighted_validation)
        times = (augment.variants or stage.epochs) if augment else 1
        seen = len(train.labels) * times + len(validation.labels)
        frozen = frozen_part(self.model, start, images=seen)
        return (
            Feed(train, frozen, batch=stage.batch, seed=seed, augment=augment),
            Feed(validation, frozen, batch=recipe.validation_batch, seed=seed),
        )

    @contextmanager
    def _kept(self, before: tuple[Course, ...], now: Course, head: Weights) -> Iterator[Callable[[State], None]]:
        """What keeps a state in the run's folder, if there is one; the curves are drawn at the end of the stage."""
        if self.folder is None:
            yield unheard
            return
        folder, done = self.folder, [*before, now]
        with Events(folder.events) as events:
            events.update(done)

            def keep(state: State) -> None:
                done[-1] = state.course
                folder.save(Checkpoint((*before, state.course), state.now, state.best, state.optimizer, head))
                events.update(done)

            yield keep
        draw(done, folder.curves)

    def _told_of(self, courses: tuple[Course, Course]) -> None:
        first, second = courses
        self.say(f"validation loss {first.best_loss:.4f} after stage 1, {second.best_loss:.4f} after stage 2")
        if first.best is None or (self.recipe.keep == "last" and second.best is None):
            raise Diverged(f"The loss of {self.recipe.name} is no number: lower the learning rate.")


def _state(found: Checkpoint | None, number: int) -> State:
    """Where stage ``number`` goes on: its checkpoint, or its beginning."""
    if found is None or found.courses[-1].stage != number:
        return State(Course(number), (), (), ())
    return State(found.courses[-1], found.now, found.best, found.optimizer)


def _counted(feeds: tuple[Feed, Feed]) -> str:
    return "{} images, {} to validate".format(*(len(feed.samples.labels) for feed in feeds))
