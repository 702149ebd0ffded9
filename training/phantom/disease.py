"""Perfusion defects in coronary territories, and what they do to perfusion and contraction.

A defect lives on the polar plane: the place at ``p`` (0 apex, 1 base) and ``theta`` has the coordinates
``p * (cos theta, sin theta)``.
Territories follow the 17 segments of the AHA (Cerqueira et al., Circulation 2002;105:539-542).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.types import Label
from training.phantom.population import DEFAULT, Disease

Floats = NDArray[np.float64]


class Territory(StrEnum):
    """The coronary artery that feeds a part of the wall."""

    LAD = "LAD"
    LCX = "LCX"
    RCA = "RCA"


SEGMENTS: dict[Territory, tuple[int, ...]] = {
    Territory.LAD: (1, 2, 7, 8, 13, 14, 17),
    Territory.LCX: (5, 6, 11, 12, 16),
    Territory.RCA: (3, 4, 9, 10, 15),
}
"""AHA segment numbers of each territory."""

_APICAL_SECTOR = {Territory.LAD: (45, 225), Territory.LCX: (-45, 45), Territory.RCA: (225, 315)}
_SECTOR = {Territory.LAD: (60, 180), Territory.LCX: (-60, 60), Territory.RCA: (180, 300)}
_CENTRE = {
    Territory.LAD: ((85, 150), (0.25, 0.62)),
    Territory.LCX: ((-40, 30), (0.45, 0.8)),
    Territory.RCA: ((215, 280), (0.45, 0.8)),
}
_SHARE = {Territory.LAD: 0.45, Territory.LCX: 0.25, Territory.RCA: 0.30}


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: where, how large (half axes on the polar plane), how deep, how much it hinders the wall.

    ``depth_stress`` and ``depth_rest`` are the share of activity lost, ``transmural`` the share of the wall affected,
    counted from the endocardium, and ``stunned_stress`` and ``stunned_rest`` the share of motion and thickening lost
    (above 1: dyskinetic).
    """

    territory: Territory
    theta: float
    p: float
    half_radial: float
    half_tangential: float
    transmural: float
    depth_stress: float
    depth_rest: float
    stunned_stress: float
    stunned_rest: float

    def mask(self, p: Floats, theta: Floats) -> Floats:
        """How much of a place belongs to the defect, 0 to 1 with soft edges, in the shape of ``p`` and ``theta``."""
        turn = theta - self.theta
        radial = (p * np.cos(turn) - self.p) / self.half_radial
        tangential = p * np.sin(turn) / self.half_tangential
        inside = _logistic((1.0 - np.hypot(radial, tangential)) / 0.12)
        return inside * territory_mask(self.territory, p, theta)


def _logistic(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -40, 40))), dtype=np.float64)


def territory_mask(territory: Territory, p: Floats, theta: Floats) -> Floats:
    """How much of a place the artery feeds, 0 to 1, with a watershed a few degrees wide."""
    ends = [
        np.interp(p, [0.44, 0.50], [a, b]) for a, b in zip(_APICAL_SECTOR[territory], _SECTOR[territory], strict=True)
    ]
    low, high = np.radians(ends[0]), np.radians(ends[1])
    off_centre = np.abs((theta - (low + high) / 2 + np.pi) % (2 * np.pi) - np.pi)
    sector = _logistic(((high - low) / 2 - off_centre) * p / 0.03)
    apex = _logistic((0.2 - p) / 0.02)
    return sector * (1 - apex) + (apex if territory is Territory.LAD else 0.0)


def draw_defects(
    rng: np.random.Generator, label: Label, *, disease: Disease = DEFAULT.disease, doubtful: bool = False
) -> tuple[Defect, ...]:
    """The defects of one patient who has what ``label`` says: none, one, two, or the same loss in all territories.

    ``doubtful`` draws those that readers disagree about: mild, small, partly reversible, not through the wall.
    """
    if label is Label.NORMAL:
        return ()
    shares = np.array([_SHARE[t] for t in Territory])
    count = 2 if rng.random() < disease.second_share and not doubtful else 1
    chosen = rng.choice(len(shares), size=count, replace=False, p=shares)
    if label is Label.ISCHEMIA and rng.random() < disease.balanced_share and not doubtful:
        return _balanced(rng, disease)
    return tuple(_draw(rng, label, list(Territory)[int(k)], disease=disease, doubtful=doubtful) for k in chosen)


def _draw(rng: np.random.Generator, label: Label, territory: Territory, *, disease: Disease, doubtful: bool) -> Defect:
    angles, heights = _CENTRE[territory]
    draw = _ischemia if label is Label.ISCHEMIA else _infarction
    depth, rest, transmural = draw(rng, disease, doubtful=doubtful)
    if label is Label.ISCHEMIA:
        stunned = (rng.uniform(*disease.stunned), 0.05)
    else:
        stunned = (rng.uniform(*disease.infarct_stunned),) * 2
    small = rng.random() < disease.small_share or doubtful
    size = rng.uniform(*(disease.small_half if small else disease.half))
    return Defect(
        territory=territory,
        theta=float(np.radians(rng.uniform(*angles))),
        p=rng.uniform(*heights),
        half_radial=size * rng.uniform(0.85, 1.1),
        half_tangential=size * rng.uniform(0.9, 1.3),
        transmural=transmural,
        depth_stress=depth,
        depth_rest=depth * rest,
        stunned_stress=stunned[0],
        stunned_rest=stunned[1],
    )


def _ischemia(rng: np.random.Generator, disease: Disease, *, doubtful: bool) -> tuple[float, float, float]:
    """Depth at stress, share of it left at rest, transmural extent."""
    depth = rng.uniform(*(disease.mild_depth if rng.random() < disease.mild_share or doubtful else disease.depth))
    left = rng.uniform(*(disease.partial_left if rng.random() < disease.partial_share or doubtful else disease.left))
    return depth, left, rng.uniform(*disease.transmural)


def _infarction(rng: np.random.Generator, disease: Disease, *, doubtful: bool) -> tuple[float, float, float]:
    """Depth at stress, share of it left at rest, transmural extent."""
    left = rng.uniform(*disease.infarct_left)
    if rng.random() < disease.shallow_share or doubtful:
        return rng.uniform(*disease.shallow_depth), left, rng.uniform(*disease.shallow_transmural)
    return rng.uniform(*disease.infarct_depth), left, rng.uniform(*disease.infarct_transmural)


def _balanced(rng: np.random.Generator, disease: Disease) -> tuple[Defect, ...]:
    """Much the same loss in every territory, and a wall that is stunned all over."""
    depth, stunned = rng.uniform(*disease.balanced_depth), rng.uniform(0.25, 0.6)
    return tuple(
        Defect(
            territory=territory,
            theta=float(np.radians(np.mean(_CENTRE[territory][0]))),
            p=0.5,
            half_radial=1.3,
            half_tangential=1.3,
            transmural=1.1,
            depth_stress=depth * rng.uniform(0.85, 1.15),
            depth_rest=depth * rng.uniform(*disease.left),
            stunned_stress=stunned,
            stunned_rest=0.05,
        )
        for territory in Territory
    )
