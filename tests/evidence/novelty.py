"""How a model with a novelty detector treats what it does not know, and how many held-out MPI studies it refuses.

PYTHONPATH=.:tests python tests/evidence/novelty.py [--model NAME] --held-out DATA [--each 20]

DATA: labelled studies of patients that took no part, as `perfuscope simulate` writes them. Strangers are drawn, not
photographed; they go past the layouts, straight to the classifier. Prints one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import strangers
from numpy.typing import NDArray

from core.types import REQUIRED_VIEWS, Status
from models import artifact
from models.classifier import Classifier
from models.preprocess import resize
from training import datasets

Pixels = NDArray[np.uint8]


def unlike(rng: np.random.Generator, *, each: int) -> Iterator[tuple[str, Pixels]]:
    """Strangers as the three crops of a patient, shape (3, 224, 224, 3)."""
    for name, draw in strangers.KINDS.items():
        for _ in range(each):
            yield name, np.stack([resize(draw(rng, 580)) for _ in REQUIRED_VIEWS])


def turned(pixels: NDArray[np.uint8]) -> Iterator[tuple[str, Pixels]]:
    """Held-out patients, mirrored, upside down, and with views that changed places."""
    for views in pixels:
        yield "mirrored", np.stack([strangers.mirrored(view) for view in views])
        yield "upside down", np.stack([strangers.upside_down(view) for view in views])
        yield "views changed over", views[[1, 2, 0]]


def measure(classifier: Classifier, data: datasets.Dataset, *, each: int, seed: int = 71) -> dict[str, Any]:
    """Refused of all, by kind. Of a network that reads counts, the patients' own maps go with the turned crops."""
    counts: dict[str, list[int]] = {}

    def count(kind: str, pixels: Pixels, maps: NDArray[np.float32] | None) -> None:
        refused = classifier.judge(pixels, maps).status is Status.REFUSED
        hits, n = counts.get(kind, [0, 0])
        counts[kind] = [hits + refused, n + 1]

    maps = getattr(data, "maps", [None] * len(data.patients))
    for pixels, of_patient in zip(data.pixels, maps, strict=True):
        count("held-out MPI", pixels, of_patient)
    some = maps[0]
    for kind, pixels in unlike(np.random.default_rng(seed), each=each):
        count(kind, pixels, some)
    for kind, pixels in turned(data.pixels[:each]):
        count(kind, pixels, some)
    return {"model": classifier.card.name, "source": data.source, "refused_of": counts}


def run(held_out: Path, *, each: int, model: str | None = None) -> dict[str, Any]:
    """What there is to say of a model."""
    classifier = Classifier(artifact.load(artifact.find(model) if model else artifact.shipped()))
    return measure(classifier, datasets.read(held_out), each=each)


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    lines = ["## What the model does not know", ""]
    lines += [f"{step['at']}: {step['model']}; pictures drawn to look like what they are called, put past the layouts "]
    lines += [
        "straight to the classifier in place of a patient's three crops. A model that reads counts gets a held-out "
    ]
    lines += ["patient's maps with them, so that nothing but the crops is strange. Simulated patients.", ""]
    lines += ["| What | Refused | Of |", "|---|---|---|"]
    lines += [f"| {kind} | {hits} | {n} |" for kind, (hits, n) in step["refused_of"].items()]
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="default: the shipped one")
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=20)
    asked = parser.parse_args()
    found = run(asked.held_out, each=asked.each, model=asked.model)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
