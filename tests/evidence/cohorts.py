"""Ten cohorts of the original's size: every model learns from each and is asked about others.

python tests/evidence/cohorts.py [--cohorts 10] [--common 1000] [--pretraining N] [--workers 2]

Simulated patients, the pretrained network and cohorts that are done are kept, so a run that was stopped goes on. All
figures are on simulated patients and no clinical evidence.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

from evidence.cohort_models import (
    COMMON_SEED,
    FIRST_SEED,
    Model,
    always,
    oracle,
    original,
    study,
    synthesized,
    tpd,
    unadapted,
)
from evidence.cohort_page import summary

from core.types import LABELS
from training import recipe as recipes
from training.datasets import Split, split
from training.phantom.labels import ORIGINAL, ORIGINAL_PATIENTS, original_label
from training.phantom.population import DEFAULT
from training.study.pretraining import pretrain
from training.study.recipe import StudyRecipe
from training.study.simulated import SimulatedMaps, draw_labels, simulate

KEPT = Path(__file__).parents[2] / "build" / "evidence" / "cohorts"
SHARES = (ORIGINAL[LABELS[0]], ORIGINAL[LABELS[1]], ORIGINAL[LABELS[2]])


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=10)
    parser.add_argument("--common", type=int, default=1000)
    parser.add_argument("--pretraining", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--synthesized", action="store_true", help="both recipes with synthesized patients, too")
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
    of_images = partial(original, images, kept=asked.kept, workers=asked.workers)
    more = synthesized(asked.kept, asked.workers)
    models = {
        "study": study(recipe, pretrained),
        "original": of_images(),
        "TPD rule": tpd,
        "always Normal": always,
        "oracle": oracle,
        "study, cohort left out": unadapted(pretrained),
    }
    if asked.synthesized:
        models["study, with synthesized"] = study(recipe, pretrained, more=more)
        models["original, with synthesized"] = of_images(more=more)
    found = run(
        models, recipe=recipe, cohorts=asked.cohorts, common=asked.common, kept=asked.kept, workers=asked.workers
    )
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def read_recipe(*, patients: int | None = None, epochs: int | None = None) -> StudyRecipe:
    """The shipped recipe, with fewer simulated patients or epochs if asked."""
    recipe = recipes.read(recipes.find("study"))
    assert isinstance(recipe, StudyRecipe)
    changes = {name: value for name, value in (("patients", patients), ("epochs", epochs)) if value is not None}
    return recipe.model_copy(update={"pretraining": recipe.pretraining.model_copy(update=changes)})


if __name__ == "__main__":
    main()
