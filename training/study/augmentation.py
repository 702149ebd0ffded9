"""Other polar maps of the same patient: every panel for itself, as another camera, day and position would give them.

A flip is none of them: left and right of the heart are not alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.polar import ANGLES, RINGS

Floats = NDArray[np.float32]

_COUNTS = (0, 1, 2, 3, 6, 7)
"""Positions of the perfusion maps among the ten."""
_RADIUS = (np.arange(RINGS, dtype=np.float32) + 0.5)[:, None] / RINGS
_DEGREES = (np.arange(ANGLES, dtype=np.float32) + 0.5)[None, :] * 360 / ANGLES


@dataclass(frozen=True, slots=True)
class Strength:
    """How far each change goes."""

    turn_degrees: float = 8.0
    """Standard deviation of a patient's rotation; each panel turns by another quarter of it."""
    scale: float = 0.04
    intensity: float = 0.06
    noise: float = 0.02
    shadow: float = 0.08
    """Most that a shadow before the anterior or inferior wall takes, drawn for each panel."""
    hot_share: float = 0.15
    """Of panels whose whole map is scaled down, as a hot gut does."""


def augmented(maps: Floats, rng: np.random.Generator, strength: Strength | None = None) -> Floats:
    """Changed copies of n patients' maps, shape (n, 10, RINGS, ANGLES), 0 to 1."""
    how = strength or Strength()
    moved = _moved(maps, rng, how)
    n, panels = moved.shape[:2]
    factor = 1 + how.intensity * rng.standard_normal((n, panels, 1, 1))
    factor *= np.where(rng.random((n, panels, 1, 1)) < how.hot_share, rng.uniform(0.75, 1, (n, panels, 1, 1)), 1)
    changed = moved * factor + how.noise * _soft_noise(rng, moved.shape)
    changed[:, _COUNTS] = changed[:, _COUNTS] * (1 - _shadows(rng, n, how))
    return np.clip(changed, 0, 1).astype(np.float32)


def _moved(maps: Floats, rng: np.random.Generator, how: Strength) -> Floats:
    """Turned and scaled about the apex, by linear interpolation."""
    n, panels = maps.shape[:2]
    turn = how.turn_degrees * (rng.standard_normal((n, 1)) + 0.25 * rng.standard_normal((n, panels)))
    angle = (np.arange(ANGLES) - (turn * ANGLES / 360)[..., None]) % ANGLES
    scale = 1 + how.scale * rng.standard_normal((n, 1)) * np.ones((1, panels))
    ring = np.clip((np.arange(RINGS) + 0.5) * scale[..., None] - 0.5, 0, RINGS - 1)
    flat = maps.reshape(-1, RINGS, ANGLES)
    return _along_rings(_along_angles(flat, angle.reshape(-1, ANGLES)), ring.reshape(-1, RINGS)).reshape(maps.shape)


def _along_angles(flat: Floats, at: NDArray[np.float64]) -> Floats:
    low = np.floor(at).astype(np.intp)
    share = (at - low)[:, None, :].astype(np.float32)
    rows = np.arange(len(flat))[:, None]
    below, above = (np.moveaxis(flat[rows, :, (low + k) % ANGLES], 1, 2) for k in (0, 1))
    return np.asarray(below * (1 - share) + above * share, dtype=np.float32)


def _along_rings(flat: Floats, at: NDArray[np.float64]) -> Floats:
    low = np.minimum(at.astype(np.intp), RINGS - 2)
    share = (at - low)[:, :, None].astype(np.float32)
    rows = np.arange(len(flat))[:, None]
    return np.asarray(flat[rows, low] * (1 - share) + flat[rows, low + 1] * share, dtype=np.float32)


def _soft_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Noise of a standard deviation of about 1 that neighbours share, as a reconstruction's filter makes it."""
    coarse = rng.standard_normal((*shape[:2], RINGS // 4, ANGLES // 4), dtype=np.float32)
    wide: NDArray[np.floating] = np.repeat(np.repeat(coarse, 4, axis=2), 4, axis=3)
    for axis in (2, 3):
        wide = (np.roll(wide, 2, axis) + np.roll(wide, 1, axis) + wide + np.roll(wide, -1, axis)) / 4
    return np.asarray(wide / 0.7, dtype=np.float32)


def _shadows(rng: np.random.Generator, n: int, how: Strength) -> Floats:
    """What is taken by a shadow in front of the anterior and one below the inferior wall, by patient and panel."""
    taken = np.zeros((n, len(_COUNTS), RINGS, ANGLES), dtype=np.float32)
    for middle, width in ((95.0, 35.0), (262.0, 38.0)):
        own = rng.uniform(0, how.shadow, (n, 1, 1, 1)) * rng.uniform(0.2, 1.8, (n, len(_COUNTS), 1, 1))
        at = middle + 10 * rng.standard_normal((n, len(_COUNTS), 1, 1))
        off = (_DEGREES - at + 180) % 360 - 180
        shadow = own * np.exp(-0.5 * (off / width) ** 2) * np.clip(1.5 * _RADIUS, 0, 1)
        taken += shadow.astype(np.float32)
    return taken
