"""Ten cohorts of the original's size: every model learns from each and is asked about others.

python tests/evidence/cohorts.py [--cohorts 10] [--common 1000] [--pretraining N] [--workers 2]

Simulated patients, the pretrained network and cohorts that are done are kept, so a run that was stopped goes on. All
figures are on simulated patients and no clinical evidence.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

from evidence import cohort_screens
from evidence.cohort_page import Answer, summary

from core.types import LABELS
from models.classifier import softmax
from training import recipe as recipes
from training.datasets import Split, split
from training.fit.recipe import ViewsRecipe
from training.phantom.labels import ORIGINAL, ORIGINAL_PATIENTS, original_label
from training.phantom.population import DEFAULT
from training.study import fitting
from training.study.choosing import Cohort
from training.study.pretraining import Pretrained, pretrain
from training.study.recipe import StudyRecipe
from training.study.simulated import SimulatedMaps, draw_labels, simulate

KEPT = Path(__file__).parents[2] / "build" / "evidence" / "cohorts"
COMMON_SEED, FIRST_SEED = 37_000, 37_001
SHARES = (ORIGINAL[LABELS[0]], ORIGINAL[LABELS[1]], ORIGINAL[LABELS[2]])

Model = Callable[[SimulatedMaps, Split, SimulatedMaps, int], dict[str, Answer]]
"""From a cohort, its split, the common patients and its number to answers on "validation", "test" and "common"."""


def study(recipe: StudyRecipe, pretrained: Pretrained) -> Model:
    """The recipe ``study`` on training and validation patients; "validation" is what it says of those left out."""

    def answers(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
        own, chosen = Cohort(cohort.maps, cohort.labels), recipe.model_copy(update={"seed": recipe.seed + number})
        fitted = fitting.adapt(pretrained, own.take(_learned(parts)), chosen, parts=parts, say=_silent)
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


def original(recipe: ViewsRecipe, *, kept: Path, workers: int) -> Model:
    """The recipe ``original`` on the images of the same patients."""

    def answers(cohort: SimulatedMaps, parts: Split, common: SimulatedMaps, number: int) -> dict[str, Answer]:
        draw = partial(cohort_screens.screens, kept=kept / "screens", workers=workers)
        own, others = draw(cohort.labels, seed=FIRST_SEED + number), draw(common.labels, seed=COMMON_SEED)
        chosen = recipe.model_copy(update={"seed": recipe.seed + number})
        ask = cohort_screens.train(chosen, own, cohort.labels, parts)
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


def run(
    models: Mapping[str, Model], *, recipe: StudyRecipe, cohorts: int, common: int, kept: Path, workers: int
) -> dict[str, Any]:
    """What there is to say of every model; each cohort's answers are kept."""
    everybody = _common(common, kept=kept, workers=workers)
    rounds = []
    for number in range(cohorts):
        file = kept / f"cohort-{number:02d}-{common}-{recipe.pretraining.patients}.json"
        held: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        for name in [name for name in models if name not in held]:
            cohort, parts = _cohort(number, recipe, kept=kept, workers=workers)
            found = models[name](cohort, parts, everybody, number)
            held[name] = {part: answer.as_json() for part, answer in found.items()}
            written = file.with_suffix(".part")
            written.write_text(json.dumps(held))
            written.replace(file)
            sys.stderr.write(f"cohort {number + 1} of {cohorts}: {name}\n")
        rounds.append(held)
    return summary(rounds) | {"patients": common, "simulated": recipe.pretraining.patients}


def _common(patients: int, *, kept: Path, workers: int) -> SimulatedMaps:
    labels = draw_labels(patients, seed=COMMON_SEED, shares=SHARES)
    return simulate(DEFAULT, labels, seed=COMMON_SEED, kept=kept / "simulated", workers=workers)


def _cohort(number: int, recipe: StudyRecipe, *, kept: Path, workers: int) -> tuple[SimulatedMaps, Split]:
    seed = FIRST_SEED + number
    labels = np.array([LABELS.index(original_label(seed, k)) for k in range(ORIGINAL_PATIENTS)], dtype=np.intp)
    cohort = simulate(DEFAULT, labels, seed=seed, kept=kept / "simulated", workers=workers)
    return cohort, split(labels, **recipe.split.model_dump(), seed=recipe.seed + number)


def _learned(parts: Split) -> NDArray[np.intp]:
    return np.sort(np.concatenate([parts.train, parts.validation]))


def _silent(_line: str) -> None:
    """A cohort's lines are not wanted here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=10)
    parser.add_argument("--common", type=int, default=1000)
    parser.add_argument("--pretraining", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--weights", type=Path, help="ImageNet's, for the recipe original; default: Keras fetches them")
    parser.add_argument("--kept", type=Path, default=KEPT)
    asked = parser.parse_args()
    recipe = read_recipe(patients=asked.pretraining, epochs=asked.epochs)
    pretrained = pretrain(
        recipe.pretraining,
        seed=recipe.seed,
        kept=asked.kept,
        workers=asked.workers,
        say=lambda s: print(s, file=sys.stderr),  # noqa: T201 - a script
    )
    imagenet = {} if asked.weights is None else {"weights": str(asked.weights)}
    images = recipes.read(recipes.find("original")).model_copy(update=imagenet)
    models = {"study": study(recipe, pretrained), "original": original(images, kept=asked.kept, workers=asked.workers)}
    models |= {"TPD rule": tpd, "always Normal": always, "oracle": oracle}
    found = run(
        models, recipe=recipe, cohorts=asked.cohorts, common=asked.common, kept=asked.kept, workers=asked.workers
    )
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def read_recipe(*, patients: int | None = None, epochs: int | None = None) -> StudyRecipe:
    """The shipped recipe, with fewer simulated patients or epochs if asked."""
    import tomllib

    recipe = StudyRecipe.model_validate(tomllib.loads(recipes.find("study").read_text(encoding="utf-8")))
    changes = {name: value for name, value in (("patients", patients), ("epochs", epochs)) if value is not None}
    return recipe.model_copy(update={"pretraining": recipe.pretraining.model_copy(update=changes)})


if __name__ == "__main__":
    main()
