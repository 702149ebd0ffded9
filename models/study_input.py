"""What the study network reads: three images of counts against normal limits, and quantitative features.

NumPy only; serving and training share it. A patient's ten polar maps come from the crops' colours (``models.polar``).
Limits of normal are means and deviations over normal patients, ring by ring and angle by angle, both sexes together:
the de-identified tables know no sex.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types import REQUIRED_VIEWS, View
from models.polar import ANGLES, RINGS

Floats = NDArray[np.float32]

STUDY_INPUT_VERSION = "1"
"""Changes whenever a value of an image or a feature could change; an artifact names the version it was trained with."""

SIZE = 56
"""Rows and columns of an image."""

_QGS = ("perfusion_ed", "perfusion_es", "motion", "thickening")
MAPS: tuple[tuple[View, str], ...] = (
    (View.QPS, "stress"),
    (View.QPS, "rest"),
    *((View.STRESS_QGS, name) for name in _QGS),
    *((View.REST_QGS, name) for name in _QGS),
)
"""View and panel of the ten polar maps, in order. The panel "difference" holds nothing that stress and rest do not."""

CHANNELS = (
    "stress",
    "rest",
    "difference",
    "stress perfusion",
    "stress motion",
    "stress thickening",
    "rest perfusion",
    "rest motion",
    "rest thickening",
)
"""Three channels a view, in the order of REQUIRED_VIEWS."""

AREA: Floats = np.repeat((np.arange(RINGS, dtype=np.float32) + 0.5)[:, None], ANGLES, axis=1)
AREA /= AREA.sum()
"""The share of the disc that each place of a map stands for."""

_CLIP = 6.0
_UNIT = slice(int(0.5 * RINGS * ANGLES), int(0.9 * RINGS * ANGLES))
"""Of a map's places by rising counts: those whose mean is the unit. Hotter ones may be gut, colder ones a defect."""
_LEAST_COUNTS, _LEAST_FUNCTION = 0.02, 0.03
"""Deviations are not taken to be smaller, so that a place where normal patients agree by chance decides nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class NormalLimits:
    """Mean and standard deviation of every channel in normal patients, each of shape (9, RINGS, ANGLES)."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of_normal(cls, maps: Floats) -> "NormalLimits":
        """The limits of normal patients' maps, shape (n, 10, RINGS, ANGLES); ValueError below two patients."""
        if len(maps) < 2:
            raise ValueError("limits of normal need at least two normal patients")
        values = channels(maps)
        function = [name.endswith(("motion", "thickening")) for name in CHANNELS]
        least = np.where(function, _LEAST_FUNCTION, _LEAST_COUNTS)
        deviation = np.maximum(values.std(axis=0), least[:, None, None])
        return cls(values.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    def blended(self, other: "NormalLimits", share: float) -> "NormalLimits":
        """These limits moved towards another hospital's by a share of 0 to 1."""
        variance = (1 - share) * self.deviation**2 + share * other.deviation**2
        mean = (1 - share) * self.mean + share * other.mean
        return NormalLimits(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))

    def scores(self, maps: Floats) -> Floats:
        """Deviations from normal of every channel, -6 to 6: (n, 10, RINGS, ANGLES) becomes (n, 9, RINGS, ANGLES)."""
        raw = (channels(maps) - self.mean) / self.deviation
        return np.asarray(np.clip(raw, -_CLIP, _CLIP), dtype=np.float32)


def stacked(panels: Mapping[View, Mapping[str, Floats]]) -> Floats:
    """The maps of one study in the order of MAPS, shape (10, RINGS, ANGLES); KeyError if one is missing."""
    return np.stack([panels[view][name] for view, name in MAPS]).astype(np.float32)


def channels(maps: Floats) -> Floats:
    """The nine channels before they are set against limits: (n, 10, RINGS, ANGLES) becomes (n, 9, RINGS, ANGLES)."""
    stress, rest = renormalised(maps[:, 0]), renormalised(maps[:, 1])
    found = [stress, rest, rest - stress]
    for first in (2, 6):
        counts = (renormalised(maps[:, first]) + renormalised(maps[:, first + 1])) / 2
        found += [counts, maps[:, first + 2], maps[:, first + 3]]
    return np.stack(found, axis=1)


def renormalised(counts: Floats) -> Floats:
    """Counts in units of the well perfused wall: a display's unit is its hottest spot, which may be gut."""
    flat = np.sort(counts.reshape(len(counts), -1), axis=1)
    unit = np.maximum(flat[:, _UNIT].mean(axis=1), 0.05)
    return np.asarray(counts / unit[:, None, None], dtype=np.float32)


def images(scores: Floats) -> Floats:
    """The network's images: (n, 9, RINGS, ANGLES) becomes (n, 3 views, SIZE, SIZE, 3), in thirds of a deviation."""
    index, weight = _disc()
    flat = scores.reshape(len(scores), len(CHANNELS), -1)
    drawn = sum(flat[:, :, index[k]] * weight[k] for k in range(4)) / 3
    drawn = np.asarray(drawn, dtype=np.float32).reshape(len(scores), len(REQUIRED_VIEWS), 3, SIZE, SIZE)
    return np.ascontiguousarray(np.moveaxis(drawn, 2, 4))


@lru_cache(maxsize=1)
def _disc() -> tuple[NDArray[np.intp], Floats]:
    """For every pixel the four nearest places of a flat map and their weights, each of shape (4, SIZE * SIZE)."""
    along = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(along, -along)
    radius = np.hypot(x, y).ravel()
    ring = np.clip(radius * RINGS - 0.5, 0, RINGS - 1)
    angle = (np.arctan2(y, x).ravel() % (2 * np.pi)) * ANGLES / (2 * np.pi) - 0.5
    low, left = np.floor(ring).astype(np.intp), np.floor(angle).astype(np.intp)
    up, right = ring - low, angle - left
    high = np.minimum(low + 1, RINGS - 1)
    index = np.stack([r * ANGLES + a % ANGLES for r in (low, high) for a in (left, left + 1)])
    weight = np.stack([a * b for a in (1 - up, up) for b in (1 - right, right)]) * (radius <= 1)
    return index, weight.astype(np.float32)


def save(limits: NormalLimits, path: Path) -> None:
    """Write the limits as ``.npz``; the same limits give the same bytes."""
    np.savez(path, mean=limits.mean, deviation=limits.deviation)


def load(path: Path) -> NormalLimits:
    """Read what ``save`` wrote; ValueError or KeyError if the file is something else."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        mean, deviation = (np.asarray(arrays[name], dtype=np.float32) for name in ("mean", "deviation"))
    if mean.shape != (len(CHANNELS), RINGS, ANGLES) or deviation.shape != mean.shape:
        raise ValueError(f"limits of normal have shape {(len(CHANNELS), RINGS, ANGLES)}")
    return NormalLimits(mean, deviation)
