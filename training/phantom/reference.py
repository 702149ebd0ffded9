"""The simulated low-risk patients that the tables of normal limits in ``limits`` were derived from.

They are patients of the default population without a defect, with a normally contracting ventricle, whose images pass
quality control: no motion, no hot gut, no misplaced attenuation map, enough counts. ``derive(200, female=True)`` and
``derive(200, female=False)`` give the tables; repeat them when anatomy, imaging or the default population change.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.phantom.acquisition import draw_acquisitions
from training.phantom.anatomy import draw_ventricle
from training.phantom.limits import TABLE_ANGLES, TABLE_RINGS
from training.phantom.polar import ANGLES, RINGS, PolarMap
from training.phantom.population import DEFAULT
from training.phantom.subject import perfusion

Floats = NDArray[np.float64]

_SEED = 20050101
"""Apart from the seeds of cohorts, whose generators are seeded with other keys."""
LOW_RISK = replace(
    DEFAULT,
    body=replace(DEFAULT.body, weak_share=0.0, misregistered_share=0.0),
    camera=replace(DEFAULT.camera, low_share=0.0, motion_share=0.0, gut_share=(0.0, 0.0)),
)


def normal_maps(patients: int, *, female: bool) -> Floats:
    """Stress and rest perfusion maps of low-risk patients, shape (2 * patients, RINGS, ANGLES)."""
    maps = []
    for index in range(patients):
        rng = np.random.default_rng([_SEED, int(female), index])
        ventricle = draw_ventricle(rng, female=female, body=LOW_RISK.body)
        both = draw_acquisitions(rng, female=female, population=LOW_RISK)
        maps += [perfusion(ventricle, (), acquisition=taken, rng=rng) for taken in both]
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
