"""The screens of simulated patients as a network of images sees them, and the recipe ``original`` on them."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from dicom_node import layouts
from models.preprocess import resize
from training import fit
from training.datasets import Dataset, Split
from training.datasets.crops import maps_row
from training.datasets.inserting import insert
from training.fit.recipe import ViewsRecipe
from training.phantom.disease import draw_defects
from training.phantom.patient import simulate
from training.phantom.population import DEFAULT

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]
PIECE = 25
"""Patients a file."""


def screens(labels: NDArray[np.intp], *, seed: int, kept: Path, workers: int) -> Pixels:
    """The resized crops of a cohort of the default population, shape (n, 3, 224, 224, 3); pieces in ``kept`` are read.

    All are of the same workstation: other colours would only make it harder.
    """
    kept.mkdir(parents=True, exist_ok=True)
    work = partial(_piece, seed=seed, labels=labels, kept=kept)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        paths = list(pool.map(work, range(0, len(labels), PIECE)))
    pieces = [np.load(path)["pixels"] for path in paths]
    return np.concatenate(pieces)


def _piece(first: int, *, seed: int, labels: NDArray[np.intp], kept: Path) -> Path:
    path = kept / f"screens-{seed}-{len(labels)}-{first:05d}.npz"
    if not path.exists():
        known = layouts.shipped()
        numbers = range(first, min(first + PIECE, len(labels)))
        pixels = np.stack([_patient(seed, k, labels[k], known) for k in numbers])
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, pixels=pixels)
        unfinished.replace(path)
    return path


def _patient(seed: int, index: int, label: int, known: tuple[layouts.Layout, ...]) -> Pixels:
    shown = simulate(seed, index, label=LABELS[label], population=DEFAULT).screens
    crops = [layouts.crop(shown[view], layouts.recognise(shown[view], known)) for view in REQUIRED_VIEWS]
    return np.stack([resize(crop.pixels) for crop in crops])


def synthesized(labels: NDArray[np.intp], parts: Split, *, seed: int, kept: Path, workers: int) -> "Made":
    """Patients made from a cohort's normal training patients until every label trains on as many: kept in ``kept``."""
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"synthesized-{seed}-{len(labels)}.npz"
    if not path.exists():
        of_label = np.bincount(labels[parts.train], minlength=len(LABELS))
        wanted = [(label, k) for label in (1, 2) for k in range(of_label[0] - of_label[label])]
        bases = parts.train[labels[parts.train] == 0]
        work = partial(_make, seed=seed, bases=bases)
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            made = list(pool.map(work, wanted, chunksize=8))
        whole: dict[str, Any] = {
            "pixels": np.stack([one[0] for one in made]),
            "maps": np.stack([one[1] for one in made]),
            "labels": np.array([label for label, _ in wanted], dtype=np.intp),
        }
        np.savez_compressed(path, **whole)
    with np.load(path, allow_pickle=False) as arrays:
        return Made(arrays["pixels"], arrays["maps"], arrays["labels"])


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Synthesized patients: pixels (m, 3, 224, 224, 3), maps (m, 10, RINGS, ANGLES) and labels (m,)."""

    pixels: Pixels
    maps: NDArray[np.float32]
    labels: NDArray[np.intp]


def _make(wanted: tuple[int, int], *, seed: int, bases: NDArray[np.intp]) -> tuple[Pixels, NDArray[np.float32]]:
    """As ``dataset synthesize`` does: the stronger of a draw's defects goes into all of a normal patient's maps."""
    label, number = wanted
    rng = np.random.default_rng([seed, label, number])
    defect = max(draw_defects(rng, LABELS[label]), key=lambda one: one.depth_stress)
    shown = simulate(seed, int(bases[number % len(bases)]), label=LABELS[0], population=DEFAULT).screens
    crops = {}
    for view in REQUIRED_VIEWS:
        match = layouts.recognise(shown[view], layouts.shipped())
        crop = layouts.crop(shown[view], match)
        maps = layouts.maps_of(crop, match.layout)
        crops[view] = insert(crop.pixels, maps, view, defect), maps
    return np.stack([resize(pixels) for pixels, _ in crops.values()]), maps_row(crops)


def train(
    recipe: ViewsRecipe, pixels: Pixels, labels: NDArray[np.intp], parts: Split, more: Made | None = None
) -> Callable[[Pixels], Logits]:
    """Train by the recipe on a cohort's training part and ``more``; the result tells a study's logits, shape (n, 3)."""
    whole = _dataset(pixels, labels)
    learned = whole.take(parts.train)
    if more is not None:
        together = np.concatenate([learned.pixels, more.pixels]), np.concatenate([learned.labels, more.labels])
        learned = _dataset(*together)
    predict = fit.trainer(recipe)(learned, whole.take(parts.validation), recipe.seed)
    return lambda asked: predict(_dataset(asked, np.zeros(len(asked), dtype=np.intp)))[0]


def _dataset(pixels: Pixels, labels: NDArray[np.intp]) -> Dataset:
    names = tuple(f"simulated {k}" for k in range(len(pixels)))
    return Dataset(names, labels, pixels, None, {}, "", "simulated")
