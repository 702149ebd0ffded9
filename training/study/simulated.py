"""Polar maps of simulated patients, straight from their examinations, in several processes, kept in pieces on disk."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, View
from models.polar import ANGLES, RINGS
from models.study_input import MAPS
from training.phantom import polar, screens
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
    true_labels: NDArray[np.intp]
    """What was simulated."""
    tpd: NDArray[np.float64]
    """Percent at stress and at rest, shape (n, 2)."""
    defects: NDArray[np.bool_]
    """Where the wall is ill, shape (n, RINGS, ANGLES)."""
    oracle: NDArray[np.float64]
    """How ill the wall truly is at stress and at rest, percent of the disc, shape (n, 2); no image shows this."""

    def take(self, index: NDArray[np.intp]) -> "SimulatedMaps":
        """The patients at ``index``, in that order."""
        return SimulatedMaps(**{name: getattr(self, name)[index] for name in _FIELDS})


_FIELDS = ("maps", "labels", "true_labels", "tpd", "defects", "oracle")


def simulate(
    population: Population,
    *,
    patients: int,
    seed: int,
    shares: Shares,
    kept: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> SimulatedMaps:
    """The first ``patients`` of a cohort whose labels are drawn by ``shares``; pieces found in ``kept`` are read."""
    kept.mkdir(parents=True, exist_ok=True)
    work = partial(_piece, population=population, seed=seed, shares=shares, kept=kept)
    firsts, found = range(0, patients, PIECE), []
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for path in pool.map(work, firsts):
                found.append(_read(path))
                _tell(progress, len(found), patients)
    else:
        for first in firsts:
            found.append(_read(work(first)))
            _tell(progress, len(found), patients)
    whole = {name: np.concatenate([getattr(piece, name) for piece in found])[:patients] for name in _FIELDS}
    return SimulatedMaps(**whole)


def labels_of(seed: int, *, first: int, count: int, shares: Shares) -> NDArray[np.intp]:
    """Labels of patients ``first`` to ``first + count``: patient k's is a function of seed, k and shares."""
    draws = [np.random.default_rng([seed, k, 99]).random() for k in range(first, first + count)]
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


def _piece(first: int, *, population: Population, seed: int, shares: Shares, kept: Path) -> Path:
    """Write one piece unless it is there; a name says everything that its content depends on."""
    what = f"{_VERSION} {population!r} {seed} {shares} {first} {PIECE}"
    path = kept / f"{population.name}-{seed}-{first:05d}-{hashlib.sha256(what.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        labels = labels_of(seed, first=first, count=PIECE, shares=shares)
        cases = [_case(seed, first + k, label=int(label), population=population) for k, label in enumerate(labels)]
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **{name: np.stack([case[name] for case in cases]) for name in _FIELDS})
        unfinished.replace(path)
    return path


def _case(seed: int, index: int, *, label: int, population: Population) -> dict[str, NDArray[np.generic]]:
    examination = examine(seed, index, label=LABELS[label], population=population)
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    lost = [np.zeros((RINGS, ANGLES)), np.zeros((RINGS, ANGLES))]
    for defect in examination.defects:
        mask = defect.mask(p, theta) * min(defect.transmural, 1.0)
        lost = [np.maximum(lost[0], mask * defect.depth_stress), np.maximum(lost[1], mask * defect.depth_rest)]
    return {
        "maps": maps_of(examination),
        "labels": np.intp(LABELS.index(examination.label)),
        "true_labels": np.intp(LABELS.index(examination.true_label)),
        "tpd": np.array([examination.stress.tpd_percent, examination.rest.tpd_percent]),
        "defects": lost[0] > 0.5 * max(float(lost[0].max()), 1e-9),
        "oracle": np.array([100 * float((one * polar.AREA).sum()) for one in lost]),
    }


def _read(path: Path) -> SimulatedMaps:
    with np.load(path, allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in _FIELDS}
    held["maps"] = held["maps"].astype(np.float32) / np.float32(255)
    return SimulatedMaps(**cast("dict[str, NDArray[np.float32]]", held))  # type: ignore[arg-type] # by name
