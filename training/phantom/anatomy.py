"""The shape of the simulated left ventricle and its wall coordinates.

The mid-wall surface is a half-ellipsoid whose equator goes over into a short cylinder towards the valve plane. A place
in the wall has three coordinates: ``p``, the way along the surface from the apex (0) to the base (1); ``theta``, the
angle around the long axis, counter-clockwise from lateral (0) over anterior (pi/2) and septal (pi) to inferior
(3 pi/2), as on a polar map; and ``s``, the distance from the mid-wall surface in mm, positive outwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantom.population import DEFAULT, Body

Floats = NDArray[np.float64]

SLICES = 26
MATRIX = 64
SHAPE = (SLICES, MATRIX, MATRIX)
"""A short-axis stack: slices from apex to base, rows from anterior to inferior, columns from septal to lateral."""
PATIENT_AXES: Floats = np.array([[0.6958, 0.7182, 0.0], [0.3238, -0.3137, 0.8926], [0.6411, -0.6211, -0.4508]])
"""Rows: the heart's lateral, anterior and apical directions in the patient's axes (left, posterior, head)."""
REACH_MM = 22.0
_MERIDIAN_STEPS = 181


@dataclass(frozen=True, slots=True)
class Ventricle:
    """A left ventricle at end diastole and how it contracts; lengths in mm."""

    radius_mm: float
    length_mm: float
    base_mm: float
    wall_mm: float
    apical_thinning: float
    septal_dip: float
    motion_mm: float
    thickening: float
    septal_activity: float


@dataclass(frozen=True, slots=True)
class Wall:
    """The voxels of a stack near the wall: flat index and wall coordinates, each of shape (n,)."""

    index: NDArray[np.intp]
    p: Floats
    theta: Floats
    s: Floats


@dataclass(frozen=True, slots=True)
class Surface:
    """Points of the mid-wall surface in mm: distance from the axis, height towards the apex, outward normal."""

    r: Floats
    z: Floats
    normal_r: Floats
    normal_z: Floats


def draw_ventricle(rng: np.random.Generator, *, female: bool, body: Body = DEFAULT.body) -> Ventricle:
    """A ventricle at random; women's are smaller, some are small, and some contract poorly without a defect."""
    size = (0.92 if female else 1.0) * (rng.uniform(*body.small_factor) if rng.random() < body.small_share else 1.0)
    weak = rng.uniform(0.55, 0.8) if rng.random() < body.weak_share else 1.0
    return Ventricle(
        radius_mm=size * _within(rng, body.radius_mean_sd_mm) * (1.06 if weak < 1 else 1.0),
        length_mm=size * _within(rng, body.length_mean_sd_mm),
        base_mm=rng.uniform(8, 14),
        wall_mm=float(np.clip(rng.normal(10, 0.8), 8.2, 12.5)),
        apical_thinning=rng.uniform(0.05, 0.3),
        septal_dip=rng.uniform(0.02, 0.14),
        motion_mm=weak * float(np.clip(rng.normal(5.2, 0.6), 3.8, 6.8)),
        thickening=weak * rng.uniform(0.38, 0.6),
        septal_activity=rng.uniform(0.9, 1.0),
    )


def _within(rng: np.random.Generator, mean_sd: tuple[float, float]) -> float:
    """A normal number, not farther than two and a half standard deviations off."""
    return mean_sd[0] + mean_sd[1] * float(np.clip(rng.normal(), -2.2, 2.5))


def _meridian(ventricle: Ventricle) -> tuple[Floats, Floats]:
    """Parametric angle (0 at the apex) and arc length in mm along the ellipse, to the equator."""
    t = np.linspace(0.0, np.pi / 2, _MERIDIAN_STEPS)
    speed = np.hypot(ventricle.radius_mm * np.cos(t), ventricle.length_mm * np.sin(t))
    steps = (speed[1:] + speed[:-1]) / 2 * (t[1] - t[0])
    return t, np.concatenate([[0.0], np.cumsum(steps)])


def arc_mm(ventricle: Ventricle) -> float:
    """The way along the mid-wall surface from apex to base, in mm."""
    return float(_meridian(ventricle)[1][-1]) + ventricle.base_mm


def surface(ventricle: Ventricle, p: Floats) -> Surface:
    """The mid-wall surface at ``p`` (any shape), every field of the same shape."""
    t_table, arc_table = _meridian(ventricle)
    arc = p * (arc_table[-1] + ventricle.base_mm)
    t = np.interp(arc, arc_table, t_table)
    below = np.maximum(arc - arc_table[-1], 0.0)
    r, z = ventricle.radius_mm * np.sin(t), ventricle.length_mm * np.cos(t)
    normal_r, normal_z = r / ventricle.radius_mm**2, z / ventricle.length_mm**2
    norm = np.hypot(normal_r, normal_z)
    return Surface(r=r, z=z - below, normal_r=normal_r / norm, normal_z=normal_z / norm)


def axes_mm(
    ventricle: Ventricle, *, voxel_mm: float, centre_mm: tuple[float, float, float]
) -> tuple[Floats, Floats, Floats]:
    """Heart coordinates of a stack's voxels: x lateral, y anterior, z to the apex; broadcastable to ``SHAPE``."""
    middle = (ventricle.length_mm - ventricle.base_mm) / 2
    z = middle - np.linspace(-0.5, 0.5, SLICES) * (SLICES - 1) * voxel_mm - centre_mm[2]
    across = np.linspace(-0.5, 0.5, MATRIX) * (MATRIX - 1) * voxel_mm
    return (across - centre_mm[0])[None, None, :], (-across - centre_mm[1])[None, :, None], z[:, None, None]


def voxel_of(
    ventricle: Ventricle,
    xyz: tuple[Floats, Floats, Floats],
    *,
    voxel_mm: float,
    centre_mm: tuple[float, float, float],
) -> Floats:
    """Fractional array indices (3, ...) of places in heart coordinates: the inverse of ``axes_mm``."""
    x, y, z = xyz
    middle = (ventricle.length_mm - ventricle.base_mm) / 2
    half = (MATRIX - 1) / 2
    slices = (middle - z - centre_mm[2]) / voxel_mm + (SLICES - 1) / 2
    return np.stack([slices, half - (y + centre_mm[1]) / voxel_mm, half + (x + centre_mm[0]) / voxel_mm])


def locate(ventricle: Ventricle, *, voxel_mm: float, centre_mm: tuple[float, float, float]) -> Wall:
    """Wall coordinates of all voxels that the wall may touch in any phase of the cycle."""
    x, y, z = axes_mm(ventricle, voxel_mm=voxel_mm, centre_mm=centre_mm)
    r = np.broadcast_to(np.hypot(x, y), SHAPE)
    up = np.broadcast_to(np.maximum(z, 0.0), SHAPE)
    rho = np.sqrt((r / ventricle.radius_mm) ** 2 + (up / ventricle.length_mm) ** 2) + 1e-9
    slope = np.sqrt((r / ventricle.radius_mm**2) ** 2 + (up / ventricle.length_mm**2) ** 2) / rho + 1e-9
    s = (rho - 1.0) / slope
    near = np.abs(s) < REACH_MM
    index = np.flatnonzero(near & (z > -ventricle.base_mm - REACH_MM))
    r, up, s = r.ravel()[index], up.ravel()[index], s.ravel()[index]
    t_table, arc_table = _meridian(ventricle)
    arc = np.interp(np.arctan2(r / ventricle.radius_mm, up / ventricle.length_mm), t_table, arc_table)
    arc = arc + np.maximum(-np.broadcast_to(z, SHAPE).ravel()[index], 0.0)
    theta = np.broadcast_to(np.arctan2(y, x), SHAPE).ravel()[index] % (2 * np.pi)
    return Wall(index=index, p=arc / arc_mm(ventricle), theta=theta, s=s)
