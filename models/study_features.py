"""Quantitative features of a study from its deviations from normal: what a report's numbers say, and a little more.

NumPy only. Segments and territories follow the 17 segments of the AHA (Cerqueira et al., Circulation 2002;105:539-542).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.polar import ANGLES, RINGS
from models.study_input import AREA, CHANNELS

Floats = NDArray[np.float32]

TERRITORIES = ("LAD", "LCX", "RCA")
_SECTORS = {"LAD": (60, 180), "LCX": (-60, 60), "RCA": (180, 300)}
_BLURS = (0.12, 0.25)
"""Widths of the spots searched for, in radii of the disc."""
_MILD, _CLEAR = 1.0, 2.0
_STILL, _STIFF = 0.25, 0.14
"""Motion below 3 of 12 mm and thickening below 14 % are called abnormal."""


def features(scores: Floats, maps: Floats) -> Floats:
    """All features of n patients, shape (n, len(names())), from ``NormalLimits.scores`` and the maps themselves."""
    found = [value for _, value in _all(scores, maps)]
    return np.stack(found, axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """What each feature is called, in order."""
    blank = np.zeros((1, len(CHANNELS), RINGS, ANGLES), np.float32)
    return tuple(name for name, _ in _all(blank, np.zeros((1, 10, RINGS, ANGLES), np.float32)))


def _all(scores: Floats, maps: Floats) -> list[tuple[str, Floats]]:
    z = dict(zip(CHANNELS, np.moveaxis(scores, 1, 0), strict=True))
    z["stress counts"] = (z["stress"] + z["stress perfusion"]) / 2
    z["rest counts"] = (z["rest"] + z["rest perfusion"]) / 2
    z["change"] = z["rest counts"] - z["stress counts"]
    found: list[tuple[str, Floats]] = []
    for name in ("stress counts", "rest counts"):
        found += _lowered(name, z[name])
    found += _lowered("difference", -z["difference"]) + _lowered("change", -z["change"])
    for name in ("stress motion", "stress thickening", "rest motion", "rest thickening"):
        found += _lowered(name, z[name])
    return found + _together(z) + _function(maps)


def _lowered(name: str, z: Floats) -> list[tuple[str, Floats]]:
    """How much of the wall is below normal, how far, where, and the worst spot of each width."""
    depth = np.clip(-z - _MILD, 0, None)
    found = [(f"{name}: deficit", _mean(depth)), (f"{name}: extent", _mean(z < -_CLEAR))]
    found += [(f"{name}: {t}", _mean(depth, territory(t))) for t in TERRITORIES]
    found += [(f"{name}: worst spot {b:g}", -_blurred(z, b).min(axis=1)) for b in _BLURS]
    return found


def _together(z: dict[str, Floats]) -> list[tuple[str, Floats]]:
    """What only two maps together tell: reversible or fixed, and whether the wall moves where counts are missing."""
    stress, rest = (np.clip(-z[f"{name} counts"] - _MILD, 0, None) for name in ("stress", "rest"))
    still = np.clip(-z["stress motion"] - _MILD, 0, None) + np.clip(-z["stress thickening"] - _MILD, 0, None)
    return [
        ("reversible deficit", _mean(np.clip(stress - rest, 0, None))),
        ("fixed deficit", _mean(np.minimum(stress, rest))),
        ("deficit that does not move", _mean(np.sqrt(stress * still))),
        ("fixed deficit that does not move", _mean(np.sqrt(np.minimum(stress, rest) * still))),
        ("stunning", _mean(np.clip(z["rest motion"] - z["stress motion"] - _MILD, 0, None))),
    ]


def _function(maps: Floats) -> list[tuple[str, Floats]]:
    """Motion and thickening in their own units: means, and the share of the wall below what is called abnormal."""
    found = []
    for when, first in (("stress", 4), ("rest", 8)):
        for name, values, limit in (("motion", maps[:, first], _STILL), ("thickening", maps[:, first + 1], _STIFF)):
            found += [
                (f"{when} {name} measured: mean", _mean(values)),
                (f"{when} {name} measured: extent", _mean(values < limit)),
            ]
    return found


def _mean(values: Floats | NDArray[np.bool_], weight: Floats = AREA) -> Floats:
    """The mean over the disc, or over a part of it: (n, RINGS, ANGLES) becomes (n,)."""
    return np.asarray((values * weight).sum(axis=(1, 2)) / weight.sum(), dtype=np.float32)


@lru_cache(maxsize=len(TERRITORIES))
def territory(name: str) -> Floats:
    """The area of each place that the artery feeds, shape (RINGS, ANGLES); the apex is the LAD's."""
    degrees = (np.arange(ANGLES) + 0.5) * 360 / ANGLES
    low, high = _SECTORS[name]
    inside = np.broadcast_to(((degrees - low) % 360 < high - low)[None, :], (RINGS, ANGLES)).copy()
    inside[: RINGS // 5] = name == "LAD"
    return np.asarray(AREA * inside, dtype=np.float32)


def _blurred(z: Floats, width: float) -> Floats:
    """The mean of each spot of a Gaussian ``width``, on a grid of half the size: shape (n, 16 * 36)."""
    half = z.reshape(len(z), RINGS // 2, 2, ANGLES // 2, 2).mean(axis=(2, 4))
    return np.asarray(half.reshape(len(z), -1) @ _spots(width), dtype=np.float32)


@lru_cache(maxsize=len(_BLURS))
def _spots(width: float) -> Floats:
    """Weights of every place (rows) in every spot (columns), each column's sum 1."""
    radius = (np.arange(RINGS // 2) + 0.5) * 2 / RINGS
    angle = (np.arange(ANGLES // 2) + 0.5) * 4 * np.pi / ANGLES
    at = (radius[:, None] * np.exp(1j * angle)).ravel()
    weight = np.exp(-0.5 * (np.abs(at[:, None] - at[None, :]) / width) ** 2) * np.repeat(radius, ANGLES // 2)[:, None]
    return np.asarray(weight / weight.sum(axis=0), dtype=np.float32)
