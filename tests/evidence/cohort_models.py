"""What learns from a cohort of simulated patients: recipes, rules, and somebody who knows the disease."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from evidence import cohort_screens
from evidence.cohort_page import Answer
from numpy.typing import NDArray

from models.classifier import softmax
from training.datasets import Split
from training.fit.recipe import ViewsRecipe
from training.study import fitting
from training.study.choosing import Cohort
from training.study.pretraining import Pretrained
from training.study.recipe import StudyRecipe
from training.study.simulated import SimulatedMaps

COMMON_SEED, FIRST_SEED = 37_000, 37_001

Model = Callable[[SimulatedMaps, Split, SimulatedMaps, int], dict[str, Answer]]
"""From a cohort, its split, the common patients and its number to answers on "validation", "test" and "common"."""

More = Callable[[SimulatedMaps, Split, int], cohort_screens.Made | None]
"""Patients made from a cohort, to learn from as well."""


def _no_more(_cohort: SimulatedMaps, _parts: Split, _number: int) -> None:
    """Nobody."""


def synthesized(kept: Path, workers: int) -> More:
    """As ``dataset synthesize`` makes them, until every label trains on as many patients."""

    def made(cohort: SimulatedMaps, parts: Split, number: int) -> cohort_screens.Made:
        seed, folder = FIRST_SEED + number, kept / "screens"
        return cohort_screens.synthesized(cohort.labels, parts, seed=seed, kept=folder, workers=workers)

    return made


def study(recipe: StudyRecipe, pretrained: Pretrained, *, more: More = _no_more) -> Model:
    """The recipe ``study`` on training and validation patients; "validation" is what it says of those left out."""

    def answers(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
        own, chosen = Cohort(cohort.maps, cohort.labels), recipe.model_copy(update={"seed": recipe.seed + number})
        learned = own.take(_learned(parts))
        made = more(cohort, parts, number)
        if made is not None:
            learned = Cohort(*(np.concatenate(both) for both in zip(_pair(learned), _pair(made), strict=True)))
        fitted = fitting.adapt(pretrained, learned, chosen, parts=parts, say=_silent)
        logits, labels = fitted.left_out
        asked = {"test": cohort.take(parts.test), "common": common}
        said = {name: _answer(_asked(fitted, patients.maps), patients.labels) for name, patients in asked.items()}
        return {"validation": _answer(logits, labels), **said}

    return answers


def _asked(fitted: fitting.StudyFitted, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return fitting.predict(fitted.model, fitted.head, fitted.limits, maps)[0]


def _answer(logits: NDArray[np.float32], truth: NDArray[np.intp]) -> Answer:
    probabilities = softmax(logits)
    return Answer(probabilities.argmax(axis=1), 1 - probabilities[:, 0], truth)


def unadapted(pretrained: Pretrained) -> Model:
    """The pretrained network as it is: what the cohort's own patients add is what `study` has above it."""

    def answers(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
        def ask(patients: SimulatedMaps) -> Answer:
            said = fitting.predict(pretrained.model, pretrained.head, pretrained.limits, patients.maps)
            return _answer(said[0], patients.labels)

        own = {"validation": cohort.take(_learned(parts)), "test": cohort.take(parts.test)}
        return {name: ask(patients) for name, patients in {**own, "common": common}.items()}

    return answers


def _pair(of: Cohort | cohort_screens.Made) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    return of.maps, of.labels


def original(recipe: ViewsRecipe, *, kept: Path, workers: int, more: More = _no_more) -> Model:
    """The recipe ``original`` on the images of the same patients."""

    def answers(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
        draw = partial(cohort_screens.screens, kept=kept / "screens", workers=workers)
        own, others = draw(cohort.labels, seed=FIRST_SEED + number), draw(common.labels, seed=COMMON_SEED)
        chosen = recipe.model_copy(update={"seed": recipe.seed + number})
        ask = cohort_screens.train(chosen, own, cohort.labels, parts, more(cohort, parts, number))
        asked = {"validation": own[parts.validation], "test": own[parts.test], "common": others}
        truth = {
            "validation": cohort.labels[parts.validation],
            "test": cohort.labels[parts.test],
            "common": common.labels,
        }
        return {name: _answer(ask(pixels), truth[name]) for name, pixels in asked.items()}

    return answers


def tpd(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
    """Two thresholds with the best balanced accuracy on training and validation patients."""
    values, labels = cohort.tpd[_learned(parts)], cohort.labels[_learned(parts)]
    ends = [np.unique(np.quantile(column, np.linspace(0, 1, 61)).round(2)) for column in values.T]
    rules = [(s, r) for s in ends[0] for r in ends[1]]
    stress, rest = max(rules, key=lambda rule: _balanced(_by_rule(values, *rule), labels))

    return _of_all(
        cohort, parts, common, lambda one: Answer(_by_rule(one.tpd, stress, rest), one.tpd[:, 0], one.labels)
    )


def _by_rule(values: NDArray[np.float64], stress: float, rest: float) -> NDArray[np.intp]:
    return np.where(values[:, 0] > stress, np.where(values[:, 1] > rest, 2, 1), 0).astype(np.intp)


def _balanced(answers: NDArray[np.intp], labels: NDArray[np.intp]) -> float:
    return float(np.mean([(answers[labels == label] == label).mean() for label in np.unique(labels)]))


def always(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
    """Normal, whoever it is."""
    return _of_all(cohort, parts, common, lambda one: Answer(0 * one.labels, np.zeros(len(one.labels)), one.labels))


def oracle(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
    """Somebody who knows the disease: only readers' disagreement is left to err on."""
    return _of_all(cohort, parts, common, lambda one: Answer(one.ideal, one.deficits[:, 0], one.labels))


def _of_all(
    cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, ask: Callable[[SimulatedMaps], Answer]
) -> dict[str, Answer]:
    """Answers of what was fitted to two numbers at most: the validation patients are as good as left out."""
    own = {"validation": cohort.take(_learned(parts)), "test": cohort.take(parts.test)}
    return {name: ask(patients) for name, patients in {**own, "common": common}.items()}


def _learned(parts: Split) -> NDArray[np.intp]:
    return np.sort(np.concatenate([parts.train, parts.validation]))


def _silent(_line: str) -> None:
    """A cohort's lines are not wanted here."""
