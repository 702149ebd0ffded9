"""What the camera makes of the ventricle: activity, attenuation, blur, background, neighbours and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from training.phantom.acquisition import GATES, Acquisition
from training.phantom.anatomy import PATIENT_AXES, Ventricle, Wall, axes_mm, locate
from training.phantom.disease import Defect

Floats = NDArray[np.float64]

_SIGMA_PER_FWHM = 1 / 2.3548
_WALL_ENDS = 1.07
"""The wall ends a little beyond the last ring that is sampled, the septum earlier."""
PHASES = ((0.0, 0.35), (0.5, 0.30), (1.0, 0.35))
"""How far contracted, and for what share of the cycle: what an ungated image averages."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One acquisition's short-axis stacks, each of shape ``SHAPE``; ``expected`` is the ungated one without noise."""

    acquisition: Acquisition
    ungated: Floats
    end_diastole: Floats
    end_systole: Floats
    expected: Floats


def _contracted(
    ventricle: Ventricle, wall: Wall, defects: tuple[Defect, ...], *, at_stress: bool
) -> tuple[Floats, Floats]:
    """How far each place moves inwards by end systole (mm) and by what share it thickens."""
    moves = 0.88 + 0.17 * np.cos(wall.theta)
    left = np.ones_like(wall.p)
    for defect in defects:
        stunned = defect.stunned_stress if at_stress else defect.stunned_rest
        left *= 1.0 - stunned * defect.mask(wall.p, wall.theta)
    return ventricle.motion_mm * moves * left, ventricle.thickening * left


def _activity(ventricle: Ventricle, wall: Wall, acquisition: Acquisition) -> Floats:
    """Activity of the wall without defects, after attenuation by breast, diaphragm and a misplaced attenuation map."""
    anterior = np.exp(-0.5 * (_turn(wall.theta, acquisition.breast_degrees) / 35) ** 2) * np.clip(wall.p * 1.6, 0, 1)
    inferior = np.exp(-0.5 * (_turn(wall.theta, acquisition.diaphragm_degrees) / 38) ** 2) * np.clip(wall.p * 1.4, 0, 1)
    lateral = np.exp(-0.5 * (_turn(wall.theta, 40) / 40) ** 2) * np.clip(wall.p * 1.3, 0, 1)
    septal = np.exp(-0.5 * (_turn(wall.theta, 180) / 45) ** 2)
    through = (1 - acquisition.breast * anterior) * (1 - acquisition.diaphragm * inferior)
    through = through * (1 - acquisition.misregistered * lateral)
    return (1 - (1 - ventricle.septal_activity) * septal) * through


def _turn(theta: Floats, degrees: float) -> Floats:
    """How many degrees ``theta`` is away from a direction, -180 to 180."""
    return (np.degrees(theta) - degrees + 180) % 360 - 180


def _phase(
    ventricle: Ventricle,
    wall: Wall,
    *,
    activity: Floats,
    contraction: tuple[Floats, Floats],
    fraction: float,
    defects: tuple[Defect, ...],
    acquisition: Acquisition,
) -> Floats:
    """The activity of each wall voxel at one point of the cycle, partial volume included."""
    thin = 1 - ventricle.apical_thinning * np.exp(-0.5 * (wall.p / 0.12) ** 2)
    thickness = ventricle.wall_mm * thin * (1 + fraction * contraction[1])
    inwards = wall.s + fraction * contraction[0]
    half = acquisition.voxel_mm / 2
    overlap = np.minimum(inwards + half, thickness / 2) - np.maximum(inwards - half, -thickness / 2)
    septum = np.exp(-0.5 * (_turn(wall.theta, 195) / 40) ** 2)
    base = _WALL_ENDS - ventricle.septal_dip * septum
    filled = np.clip(overlap, 0, None) / (2 * half) * np.clip((base - wall.p) * 12 + 0.5, 0, 1)
    from_endocardium = inwards / thickness + 0.5
    value: Floats = activity * filled
    for defect in defects:
        depth = defect.depth_stress if acquisition.at_stress else defect.depth_rest
        affected = 1 / (1 + np.exp((from_endocardium - defect.transmural) / 0.08))
        value = value * (1 - depth * affected * defect.mask(wall.p, wall.theta))
    return value


def _neighbours(ventricle: Ventricle, acquisition: Acquisition) -> Floats:
    """Background, liver and gut below the heart, and the right ventricle's faint wall beside it; shape ``SHAPE``."""
    x, y, z = axes_mm(ventricle, voxel_mm=acquisition.voxel_mm, centre_mm=acquisition.centre_mm)
    gx, gy, gz = acquisition.gut_mm
    gut = _bell(x - gx, 26) * _bell(y - gy, 11) * _bell(z - gz, 24)
    liver = _bell(x + 48, 34) * _bell(y + 84, 20) * _bell(z - 5, 34)
    side = ventricle.radius_mm
    shell = np.sqrt(
        ((x + 1.1 * side) / (1.15 * side)) ** 2
        + ((y + 2) / (1.2 * side)) ** 2
        + ((z + 4) / (0.85 * ventricle.length_mm)) ** 2
    )
    outside = np.clip((np.hypot(x, y) - side) / 8, 0, 1) * np.clip((z + ventricle.base_mm) / 8 + 0.5, 0, 1)
    right = _bell((shell - 1) * side, 3.0) * (x < 0) * outside
    below = acquisition.gut * gut + acquisition.liver * liver
    return acquisition.background + below + acquisition.right_ventricle * right


def _bell(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2), dtype=np.float64)


def _activities(ventricle: Ventricle, defects: tuple[Defect, ...], acquisition: Acquisition) -> list[Floats]:
    """Where the activity is in each of ``PHASES``, motion included, before the camera blurs it."""
    wall = locate(ventricle, voxel_mm=acquisition.voxel_mm, centre_mm=acquisition.centre_mm)
    activity = _activity(ventricle, wall, acquisition)
    contraction = _contracted(ventricle, wall, defects, at_stress=acquisition.at_stress)
    around = _neighbours(ventricle, acquisition)
    phases = []
    for fraction, _ in PHASES:
        volume = around.copy()
        volume.ravel()[wall.index] += _phase(
            ventricle,
            wall,
            activity=activity,
            contraction=contraction,
            fraction=fraction,
            defects=defects,
            acquisition=acquisition,
        )
        phases.append(_moved(volume, acquisition))
    return phases


def _moved(volume: Floats, acquisition: Acquisition) -> Floats:
    """What a patient looks like who moved along the body's axis during the acquisition: a mixture of both places."""
    if not acquisition.moved_share:
        return volume
    x, y, z = acquisition.motion_mm / acquisition.voxel_mm * PATIENT_AXES[:, 2]
    moved = shift(volume, (-z, -y, x), order=1, mode="nearest")
    return np.asarray((1 - acquisition.moved_share) * volume + acquisition.moved_share * moved, dtype=np.float64)


def _blurred(volume: Floats, acquisition: Acquisition) -> Floats:
    return gaussian_filter(volume, _sigma(acquisition.resolution_mm, acquisition), truncate=3.0)


def _averaged(phases: list[Floats]) -> Floats:
    """What an ungated image averages."""
    return np.asarray(np.sum([share * v for (_, share), v in zip(PHASES, phases, strict=True)], axis=0))


def scan(
    ventricle: Ventricle,
    defects: tuple[Defect, ...],
    *,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> Scan:
    """Image the ventricle: activity blurred by the camera, Poisson noise, then the reconstruction's filter."""
    phases = [_blurred(phase, acquisition) for phase in _activities(ventricle, defects, acquisition)]
    expected = _averaged(phases)
    gate_counts = acquisition.counts * 2 / GATES
    return Scan(
        acquisition=acquisition,
        ungated=_counted(expected, acquisition.counts, acquisition=acquisition, rng=rng),
        end_diastole=_counted(phases[0], gate_counts, acquisition=acquisition, rng=rng),
        end_systole=_counted(phases[-1], gate_counts, acquisition=acquisition, rng=rng),
        expected=expected,
    )


def ungated(
    ventricle: Ventricle, defects: tuple[Defect, ...], *, acquisition: Acquisition, rng: np.random.Generator | None
) -> Floats:
    """The ungated stack of ``scan`` alone, from the same random numbers; without any, the one without noise."""
    expected = _averaged([_blurred(phase, acquisition) for phase in _activities(ventricle, defects, acquisition)])
    if rng is None:
        return gaussian_filter(expected, _sigma(acquisition.filter_mm, acquisition), truncate=3.0)
    return _counted(expected, acquisition.counts, acquisition=acquisition, rng=rng)


def _sigma(fwhm_mm: float, acquisition: Acquisition) -> float:
    return fwhm_mm * _SIGMA_PER_FWHM / acquisition.voxel_mm


def _counted(expected: Floats, counts: float, *, acquisition: Acquisition, rng: np.random.Generator) -> Floats:
    noisy = rng.poisson(expected * counts) / counts
    return np.asarray(
        gaussian_filter(noisy, _sigma(acquisition.filter_mm, acquisition), truncate=3.0), dtype=np.float64
    )
