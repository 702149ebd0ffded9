"""Class activation maps laid over what was kept of a screen. Knows no Tk."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.types import RgbImage

_STOPS = np.array([(10, 60, 10), (30, 150, 30), (90, 255, 70), (190, 255, 120)], dtype=np.float32)
"""From little to much: dark to pale green, a hue that warm and cool colour scales both go without."""
_LEVELS = np.linspace(0, 1, 256)
_COLOURS = np.stack(
    [np.interp(_LEVELS, np.linspace(0, 1, len(_STOPS)), _STOPS[:, channel]) for channel in range(3)], axis=-1
).astype(np.uint8)
_LINE = (130, 255, 60)
_HALF = 0.5
"""A line goes round what has at least half the peak."""
_FAINT = 0.15
"""Below this share of the peak nothing is laid over: the network's ground level, not a place."""


def resized(crop: RgbImage, side: int) -> RgbImage:
    """A square crop at ``side`` by ``side`` pixels."""
    return np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.LANCZOS), dtype=np.uint8)


def enlarged(activation: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A small map of values from 0 to 1 at ``side`` by ``side`` pixels, smooth between its own."""
    small = Image.fromarray(np.ascontiguousarray(activation, dtype=np.float32))
    return np.clip(np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32), 0, 1)


def laid_over(picture: RgbImage, heat: NDArray[np.float32], opacity: float) -> RgbImage:
    """``picture`` under ``heat`` of the same rows and columns; with opacity 0 the picture itself.

    A line goes round what has at least half the peak: a tint alone is hard to see on coloured maps.
    """
    levels = (heat * 255).astype(np.uint8)
    share = np.clip((_LEVELS - _FAINT) / (1 - _FAINT), 0, 1)
    cover = np.asarray(255 * opacity * np.sqrt(share), dtype=np.uint8)[levels]
    colours = _COLOURS[levels]
    edge = _edge(heat >= _HALF)
    cover[edge], colours[edge] = round(255 * min(1.0, 2 * opacity)), _LINE
    covered = Image.composite(Image.fromarray(colours), Image.fromarray(picture), Image.fromarray(cover))
    return np.asarray(covered, dtype=np.uint8)


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The outermost pixels of a region, two wide."""
    outside = np.pad(~inside, 2, mode="edge")
    rows, columns = inside.shape
    near = np.zeros_like(inside)
    for down, right in ((0, 2), (4, 2), (2, 0), (2, 4)):
        near |= outside[down : down + rows, right : right + columns]
    return inside & near
