"""Every frame of an acquired image side by side on sheets, so that a reader sees each and is asked seldom."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.pixels import RgbImage

SIDE = 256
"""About how many pixels a sheet is wide and high; a larger frame has one of its own. On larger sheets small letters of
two simulated and real acquisitions were missed, on smaller ones no more was found."""

_GAP = 8
_LEAST_SIDE = 16
"""A smaller frame holds no letter."""


def sheets(frames: NDArray[np.generic]) -> Iterator[RgbImage]:
    """Grey sheets of frames of shape (n, rows, columns), each frame stretched from its darkest to its brightest."""
    number, rows, columns = frames.shape
    if min(rows, columns) < _LEAST_SIDE:
        return
    down, across = (max(1, SIDE // (side + _GAP)) for side in (rows, columns))
    for first in range(0, number, down * across):
        some = frames[first : first + down * across]
        sheet = np.zeros((down * (rows + _GAP), across * (columns + _GAP)), np.uint8)
        for place, frame in enumerate(some):
            top, left = place // across * (rows + _GAP), place % across * (columns + _GAP)
            sheet[top : top + rows, left : left + columns] = _stretched(frame)
        yield np.repeat(sheet[..., None], 3, axis=2)


def _stretched(frame: NDArray[np.generic]) -> NDArray[np.uint8]:
    values = frame.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    stretched: NDArray[np.uint8] = ((values - low) * (255 / max(high - low, 1))).astype(np.uint8)
    return stretched
