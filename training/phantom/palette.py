"""Colour scales of the screens, each straight lines in RGB between anchors (level, red, green, blue)."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.pixels import RgbImage

Scale = tuple[tuple[int, int, int, int], ...]
"""Levels rise from 0 to 255."""

TEAL: Scale = ((0, 0, 0, 0), (64, 0, 128, 125), (128, 128, 0, 255), (192, 255, 128, 0), (255, 255, 255, 255))
"""Black, teal, violet, orange, white."""
HOT: Scale = ((0, 0, 0, 0), (90, 168, 16, 8), (160, 244, 112, 0), (215, 255, 214, 64), (255, 255, 255, 255))
"""Black, dark red, orange, yellow, white: like metal that is heated."""
RAINBOW: Scale = (
    (0, 0, 0, 0),
    (40, 40, 0, 150),
    (90, 0, 120, 255),
    (135, 0, 210, 140),
    (180, 230, 220, 0),
    (225, 255, 70, 0),
    (255, 255, 255, 255),
)
"""Black, indigo, blue, green, yellow, red, white."""


@lru_cache(maxsize=8)
def table(scale: Scale = TEAL) -> NDArray[np.uint8]:
    """The colour table, shape (256, 3)."""
    levels = [anchor[0] for anchor in scale]
    channels = [np.interp(np.arange(256), levels, [anchor[k] for anchor in scale]) for k in (1, 2, 3)]
    return np.asarray(np.rint(np.stack(channels, axis=1)), dtype=np.uint8)


def coloured(values: NDArray[np.floating], scale: Scale = TEAL) -> RgbImage:
    """Values 0..1 (clipped) of any shape as colours, shape (..., 3)."""
    colours: RgbImage = table(scale)[np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)]
    return colours
