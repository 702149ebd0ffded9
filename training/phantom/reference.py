"""The simulated normal population that the tables in ``limits`` were derived from.

``derive(200, female=True)`` and ``derive(200, female=False)`` give the tables; repeat them
when anatomy or imaging change.
"""

import numpy as np
from numpy.typing import NDArray

from training.phantom.acquisition import draw_acquisitions
from training.phantom.anatomy import draw_ventricle
from training.phantom.imaging import scan
from training.phantom.limits import TABLE_ANGLES, TABLE_RINGS
from training.phantom.polar import ANGLES, RINGS, PolarMap, normalised, profiles

Floats = NDArray[np.float64]

_SEED = 20050101
"""Apart from the seeds of cohorts, whose generators are seeded with other keys."""


def normal_maps(patients: int, *, female: bool) -> Floats:
    """Stress and rest perfusion maps of normal patients, shape (2 * patients, RINGS, ANGLES)."""
    maps = []
    for index in range(patients):
        rng = np.random.default_rng([_SEED, int(female), index])
        ventricle = draw_ventricle(rng, female=female)
        for taken in draw_acquisitions(rng, female=female):
            image = scan(ventricle, (), acquisition=taken, rng=rng).ungated
            sampled = profiles(image, ventricle, voxel_mm=taken.voxel_mm, centre_mm=taken.centre_mm)
            maps.append(normalised(sampled.peak()))
    return np.array(maps)


def _condense(values: PolarMap) -> Floats:
    """Block means of a map on the grid of the tables."""
    blocks = values.reshape(TABLE_RINGS, RINGS // TABLE_RINGS, TABLE_ANGLES, ANGLES // TABLE_ANGLES)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float64)


def derive(patients: int, *, female: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The tables for one sex: means and mean absolute deviations in thousandths, shape (TABLE_RINGS, TABLE_ANGLES)."""
    maps = normal_maps(patients, female=female)
    mean = maps.mean(axis=0)
    deviation = np.abs(maps - mean).mean(axis=0)
    return np.rint(_condense(mean) * 1000).astype(np.intp), np.rint(_condense(deviation) * 1000).astype(np.intp)
