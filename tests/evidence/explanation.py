"""How often Grad-CAM's maximum lies in the simulated defect, and what is left of the maps with a random head.

PYTHONPATH=.:tests python tests/evidence/explanation.py [--model NAME] [--patients 300]

Simulated patients of a seed of their own; counted are those with ischemia or infarction whom the model calls so. The
map is that of the label and the view QPS. Chance is the share of the map's cells that lie in the defect.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS, View
from models import artifact, networks, study_head
from models.figures import Proportion
from models.study_head import Head
from models.study_litert import StudyNetwork
from training.phantom.population import DEFAULT
from training.study.simulated import SimulatedMaps, draw_labels, simulate

KEPT = Path(__file__).parents[2] / "build" / "evidence" / "explanation"
SEED = 61_000
QPS = REQUIRED_VIEWS.index(View.QPS)


def measure(network: StudyNetwork, patients: SimulatedMaps, *, seed: int = 62) -> dict[str, Any]:
    """Hits of the maxima by label, and the correlation of maps with those of random heads."""
    pixels = np.zeros((3, 1, 1, 3), dtype=np.uint8)  # a network of counts does not look at them
    scrambled = replace(network, head=scramble(network.head, seed=seed))
    found: dict[str, list[tuple[bool, bool, float]]] = {label.value: [] for label in LABELS[1:]}
    alike = []
    for maps, label, ill in zip(patients.maps, patients.labels, patients.defects, strict=True):
        if label == 0 or not ill.any():
            continue
        said = network.study(pixels, maps)
        if said.logits.argmax() != label:
            continue
        shown, other = (one.views[QPS].activation[..., label] for one in (said, scrambled.study(pixels, maps)))
        found[LABELS[label].value].append(
            (study_head.peak_in(shown, ill), study_head.peak_in(other, ill), chance(shown.shape, ill))
        )
        alike.append(correlation(shown, other))
    rows = {label: row(np.array(hits, dtype=np.float64)) for label, hits in found.items()}
    return {"patients": len(patients.labels), "labels": rows, "alike": round(float(np.median(alike)), 3)}


def scramble(head: Head, *, seed: int) -> Head:
    """The head with its weights drawn anew, as large as they were."""
    rng = np.random.default_rng(seed)
    hidden, study = (rng.normal(0, kernel.std(), kernel.shape) for kernel in (head.hidden_kernel, head.study_kernel))
    return replace(head, hidden_kernel=hidden.astype(np.float32), study_kernel=study.astype(np.float32))


def chance(shape: tuple[int, ...], ill: NDArray[np.bool_]) -> float:
    """The share of a map's cells within the circle whose middle lies in the defect."""
    hits, cells = 0, 0
    for row_, column in np.ndindex(*shape):
        x, y = (column + 0.5) / shape[1] * 2 - 1, 1 - (row_ + 0.5) / shape[0] * 2
        if np.hypot(x, y) <= 1:
            one = np.zeros(shape, dtype=np.float32)
            one[row_, column] = 1
            hits, cells = hits + study_head.peak_in(one, ill), cells + 1
    return hits / cells


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's, 0 where one of them is the same everywhere."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def row(hits: NDArray[np.float64]) -> dict[str, Any]:
    """Hits of the model, of the random head, and by chance."""
    inside, random = (Proportion.of(int(hits[:, k].sum()), len(hits)).model_dump() for k in (0, 1))
    return {"inside": inside, "random": random, "chance": round(float(hits[:, 2].mean()), 3)}


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    lines = ["## Where Grad-CAM points", ""]
    lines += [f"{step['at']}: {step['model']}, {step['patients']} simulated patients of a seed of their own, of whom "]
    lines += [
        "those with a defect count whom the model calls by their label. How often the maximum of the label's map "
    ]
    lines += [
        "on the QPS screen lies in the simulated defect (Wilson 95 % interval), beside the share of the map that "
    ]
    lines += ["the defect covers and a head with random weights. Simulated patients are no clinical evidence.", ""]
    lines += ["| Label | Maximum in the defect | Random head | Defect's share of the map |", "|---|---|---|---|"]
    for label, of in step["labels"].items():
        shares = [
            f"{p['value']:.1%} ({p['low']:.1%} to {p['high']:.1%}, n {p['n']})" for p in (of["inside"], of["random"])
        ]
        lines += [f"| {label} | {' | '.join(shares)} | {of['chance']:.1%} |"]
    lines += ["", f"Median correlation of a map with the random head's: {step['alike']:.2f}.", ""]
    return lines


def run(*, model: str | None, patients: int, workers: int) -> dict[str, Any]:
    """What there is to say of a model; simulated patients are kept."""
    found = artifact.load(artifact.find(model) if model else artifact.shipped())
    network = networks.load(found, threads=2)
    assert isinstance(network, StudyNetwork), "this is about a network of counts"
    labels = draw_labels(patients, seed=SEED, shares=(0, 0.6, 0.4))
    cohort = simulate(DEFAULT, labels, seed=SEED, kept=KEPT, workers=workers)
    return {"model": f"{found.card.name} {found.card.version}", **measure(network, cohort)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    found = run(model=asked.model, patients=asked.patients, workers=asked.workers)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
