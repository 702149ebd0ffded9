"""The screens of simulated patients as a network of images sees them, and the recipe ``original`` on them."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from dicom_node import layouts
from models.preprocess import resize
from training import fit
from training.datasets import Dataset, Split
from training.fit.recipe import ViewsRecipe
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


def train(recipe: ViewsRecipe, pixels: Pixels, labels: NDArray[np.intp], parts: Split) -> Callable[[Pixels], Logits]:
    """Train by the recipe on a cohort's training part; what comes of it tells a study's logits, shape (n, 3)."""
    whole = _dataset(pixels, labels)
    predict = fit.trainer(recipe)(whole.take(parts.train), whole.take(parts.validation), recipe.seed)
    return lambda asked: predict(_dataset(asked, np.zeros(len(asked), dtype=np.intp)))[0]


def _dataset(pixels: Pixels, labels: NDArray[np.intp]) -> Dataset:
    names = tuple(f"simulated {k}" for k in range(len(pixels)))
    return Dataset(names, labels, pixels, None, {}, "", "simulated")
