"""Polar maps of simulated patients, straight from their examinations, in several processes, kept in pieces on disk."""

import hashlib
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

from core.types import LABELS, View
from models.polar import ANGLES, RINGS
from models.study_input import MAPS
from training.phantom import oracle, polar, screens
from training.phantom.examination import Examination, examine
from training.phantom.population import Population

Progress = Callable[[int, int], None]
Shares = tuple[float, float, float]

PIECE = 25
"""Patients a file."""
_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedMaps:
    """Maps of n simulated patients as a screen would show them, in 256 levels, and what is known of the patients."""

    maps: NDArray[np.float32]
    """Shape (n, 10, RINGS, ANGLES), 0 to 1."""
    labels: NDArray[np.intp]
    """The reader's, index into LABELS."""
    ideal: NDArray[np.intp]
    """What somebody says who knows the disease: only readers' disagreement keeps it from being right."""
    tpd: NDArray[np.float64]
    """Percent at stress and at rest, shape (n, 2)."""
    defects: NDArray[np.bool_]
    """Where the wall is ill, shape (n, RINGS, ANGLES)."""
    deficits: NDArray[np.float64]
    """What the disease takes of the perfusion at stress and at rest, percent, shape (n, 2): no image shows it."""

    def take(self, index: NDArray[np.intp]) -> "SimulatedMaps":
        """The patients at ``index``, in that order."""
        return SimulatedMaps(**{name: getattr(self, name)[index] for name in _FIELDS})


_FIELDS = ("maps", "labels", "ideal", "tpd", "defects", "deficits")


def simulate(
    population: Population,
    labels: NDArray[np.intp],
    *,
    seed: int,
    kept: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> SimulatedMaps:
    """Patients 0, 1, 2, ... of a cohort, each with the reader's label given; pieces found in ``kept`` are read."""
    kept.mkdir(parents=True, exist_ok=True)
    work = partial(_piece, population=population, seed=seed, labels=labels, kept=kept)
    firsts, found = range(0, len(labels), PIECE), []
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for path in pool.map(work, firsts):
                found.append(_read(path))
                _tell(progress, len(found), len(labels))
    else:
        for first in firsts:
            found.append(_read(work(first)))
            _tell(progress, len(found), len(labels))
    whole = {name: np.concatenate([getattr(piece, name) for piece in found]) for name in _FIELDS}
    return SimulatedMaps(**whole)


def draw_labels(patients: int, *, seed: int, shares: Shares) -> NDArray[np.intp]:
    """A label a patient by shares of normal, ischemia and infarction; fewer patients get the first labels of more."""
    draws = np.random.default_rng([seed, 99]).random(patients)
    return np.asarray(np.searchsorted(np.cumsum(shares) / np.sum(shares), draws, side="right"), dtype=np.intp)


def maps_of(examination: Examination) -> NDArray[np.uint8]:
    """The ten maps of an examination as its screens show them, in 256 levels: shape (10, RINGS, ANGLES)."""
    shown = {
        View.QPS: screens.qps_maps(examination),
        View.STRESS_QGS: screens.qgs_maps(examination.stress),
        View.REST_QGS: screens.qgs_maps(examination.rest),
    }
    values = np.stack([shown[view][name] for view, name in MAPS])
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


def _tell(progress: Progress | None, pieces: int, patients: int) -> None:
    if progress:
        progress(min(pieces * PIECE, patients), patients)


def _piece(first: int, *, population: Population, seed: int, labels: NDArray[np.intp], kept: Path) -> Path:
    """Write one piece unless it is there; its name says everything that its content depends on."""
    wanted = labels[first : first + PIECE].tolist()
    what = f"{_VERSION} {population!r} {seed} {first} {wanted}"
    path = kept / f"{population.name}-{seed}-{first:05d}-{hashlib.sha256(what.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        cases = [_case(seed, first + k, label=label, population=population) for k, label in enumerate(wanted)]
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            whole: dict[str, Any] = {name: np.stack([case[name] for case in cases]) for name in _FIELDS}
            np.savez_compressed(file, **whole)
        unfinished.replace(path)
    return path


def _case(seed: int, index: int, *, label: int, population: Population) -> dict[str, Any]:
    examination = examine(seed, index, label=LABELS[label], population=population)
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    ill = np.zeros((RINGS, ANGLES), dtype=bool)
    for defect in examination.defects:
        ill |= defect.mask(p, theta) > 0.5
    return {
        "maps": maps_of(examination),
        "labels": np.intp(LABELS.index(examination.label)),
        "ideal": np.intp(LABELS.index(oracle.disease_answer(examination))),
        "tpd": np.array([examination.stress.tpd_percent, examination.rest.tpd_percent]),
        "defects": ill,
        "deficits": np.array(oracle.deficits(examination)),
    }


def _read(path: Path) -> SimulatedMaps:
    with np.load(path, allow_pickle=False) as arrays:
        held: dict[str, Any] = {name: arrays[name] for name in _FIELDS}
    held["maps"] = held["maps"].astype(np.float32) / np.float32(255)
    return SimulatedMaps(**held)
