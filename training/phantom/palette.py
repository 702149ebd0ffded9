"""The colour scale of the screens: black, teal, violet, orange, white, piecewise linear between five anchors."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.types import RgbImage

_ANCHORS = ((0, (0, 0, 0)), (64, (0, 128, 125)), (128, (128, 0, 255)), (192, (255, 128, 0)), (255, (255, 255, 255)))


@lru_cache(maxsize=1)
def table() -> NDArray[np.uint8]:
    """The colour table, shape (256, 3)."""
    levels = [level for level, _ in _ANCHORS]
    channels = [np.interp(np.arange(256), levels, [colour[k] for _, colour in _ANCHORS]) for k in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=1)), dtype=np.uint8)


def coloured(values: NDArray[np.floating]) -> RgbImage:
    """Values 0..1 (clipped) of any shape as colours, shape (..., 3)."""
    colours: RgbImage = table()[np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)]
    return colours
