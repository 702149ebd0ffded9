"""Polar maps from short-axis stacks: profiles along the wall's normals, their maxima, and the 17 segments."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

from training.phantom.anatomy import Ventricle, surface, voxel_of

Floats = NDArray[np.float64]

RINGS = 32
ANGLES = 72
PROFILE_MM: Floats = np.linspace(-18.0, 14.0, 17)
"""Where along the normal a profile is sampled, from the cavity outwards."""
P: Floats = (np.arange(RINGS) + 0.5) / RINGS
THETA: Floats = (np.arange(ANGLES) + 0.5) * 2 * np.pi / ANGLES
PolarMap = Floats
"""An array of shape (RINGS, ANGLES): ring 0 is the apex; angles run counter-clockwise from lateral."""

AREA: Floats = np.broadcast_to(P[:, None], (RINGS, ANGLES)) / (P.sum() * ANGLES)
"""The share of the map's disc that each sample stands for."""


_NEAR = (PROFILE_MM >= -11) & (PROFILE_MM <= 8)
"""The part of a profile in which a perfusion map looks for the wall."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Counts along the normals, shape (RINGS, ANGLES, len(PROFILE_MM))."""

    counts: Floats

    def peak(self) -> PolarMap:
        """The maximum count near the wall of each profile, the value that a perfusion map shows."""
        return smoothed(self.counts[:, :, _NEAR].max(axis=2))

    def middle_mm(self) -> PolarMap:
        """Where the middle of the wall is: the centre of gravity of the counts above half of each profile's peak."""
        top = self.counts.max(axis=2, keepdims=True)
        weight = np.clip(self.counts - 0.5 * top, 0, None)
        return smoothed((weight * PROFILE_MM).sum(axis=2) / (weight.sum(axis=2) + 1e-9), rings=1.6, angles=3.0)


def profiles(
    volume: Floats, ventricle: Ventricle, *, voxel_mm: float, centre_mm: tuple[float, float, float]
) -> Profiles:
    """Sample a stack of shape ``anatomy.SHAPE`` along the normals of the mid-wall surface."""
    return Profiles(_sampled(volume, ventricle, PROFILE_MM, voxel_mm=voxel_mm, centre_mm=centre_mm))


def peak(volume: Floats, ventricle: Ventricle, *, voxel_mm: float, centre_mm: tuple[float, float, float]) -> PolarMap:
    """``profiles(...).peak()`` in half the time: nothing else of the profiles is sampled."""
    near = _sampled(volume, ventricle, PROFILE_MM[_NEAR], voxel_mm=voxel_mm, centre_mm=centre_mm)
    return smoothed(near.max(axis=2))


def _sampled(
    volume: Floats,
    ventricle: Ventricle,
    along_mm: Floats,
    *,
    voxel_mm: float,
    centre_mm: tuple[float, float, float],
) -> Floats:
    wall = surface(ventricle, P)
    r = wall.r[:, None, None] + along_mm * wall.normal_r[:, None, None]
    z = wall.z[:, None, None] + along_mm * wall.normal_z[:, None, None]
    across = THETA[None, :, None]
    xyz = (r * np.cos(across), r * np.sin(across), np.broadcast_to(z, (RINGS, ANGLES, along_mm.size)))
    where = voxel_of(ventricle, xyz, voxel_mm=voxel_mm, centre_mm=centre_mm)
    return map_coordinates(volume, where, order=3, mode="nearest")


def smoothed(values: PolarMap, *, rings: float = 0.8, angles: float = 1.0) -> PolarMap:
    """A map smoothed along rings and angles, sigma in samples; near the apex neighbouring angles are averaged more."""
    out = gaussian_filter1d(gaussian_filter1d(values, angles, axis=1, mode="wrap"), rings, axis=0, mode="nearest")
    apex = out[:3].mean(axis=1, keepdims=True)
    weight = np.array([0.8, 0.45, 0.15])[:, None]
    out[:3] = weight * apex + (1 - weight) * out[:3]
    return np.asarray(out, dtype=np.float64)


def brightest(values: PolarMap) -> float:
    """The value at which a map's hottest 2 % begin: what its display calls 100 %."""
    return float(np.quantile(values, 0.98))


def normalised(values: PolarMap) -> PolarMap:
    """A perfusion map relative to its hottest 2 %, clipped to 0..1."""
    return np.clip(values / brightest(values), 0.0, 1.0)


def segment_numbers(p: Floats, theta: Floats) -> NDArray[np.intp]:
    """AHA segment (1-17) of places on the polar map (Cerqueira et al., Circulation 2002;105:539-542)."""
    degrees = np.degrees(theta) % 360
    sixth = ((degrees - 60) // 60).astype(np.intp) % 6
    fourth = ((degrees - 45) // 90).astype(np.intp) % 4
    ring = np.digitize(p, [0.2, 7 / 15, 11 / 15])
    return np.choose(ring, [17, 13 + fourth, 7 + sixth, 1 + sixth])


@lru_cache(maxsize=1)
def _membership() -> Floats:
    """Area weights of every segment, shape (17, RINGS * ANGLES), rows summing to one."""
    p, theta = np.meshgrid(P, THETA, indexing="ij")
    numbers = segment_numbers(p, theta).ravel()
    weights = np.stack([np.where(numbers == k, AREA.ravel(), 0.0) for k in range(1, 18)])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def segment_means(values: PolarMap) -> Floats:
    """Area-weighted means of the 17 segments, shape (17,)."""
    return np.asarray(_membership() @ values.ravel(), dtype=np.float64)
