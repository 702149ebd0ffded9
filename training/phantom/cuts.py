"""The five slices that a page shows of a short-axis stack."""

import numpy as np
from numpy.typing import NDArray

from training.phantom.acquisition import Acquisition
from training.phantom.anatomy import MATRIX, SLICES, Ventricle, axes_mm

Floats = NDArray[np.float64]

NAMES = ("SA apical", "SA mid", "SA basal", "HLA", "VLA")
_FIELD = slice(MATRIX // 2 - 12, MATRIX // 2 + 12)


def cuts(ventricle: Ventricle, volume: Floats, taken: Acquisition) -> list[Floats]:
    """Three short-axis slices, then the horizontal and the vertical long-axis slice, in the order of ``NAMES``."""
    x, y, z = (axis.ravel() for axis in axes_mm(ventricle, voxel_mm=taken.voxel_mm, centre_mm=taken.centre_mm))
    levels = [int(np.abs(z - share * ventricle.length_mm).argmin()) for share in (0.72, 0.38, 0.0)]
    middle_row, middle_column = int(np.abs(y).argmin()), int(np.abs(x).argmin())
    along = slice(SLICES // 2 - 12, SLICES // 2 + 12)
    short = [volume[level, _FIELD, _FIELD] for level in levels]
    return [*short, volume[along, middle_row, _FIELD], volume[along, _FIELD, middle_column].T[:, ::-1]]
