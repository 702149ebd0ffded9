"""Class activation maps laid over what they explain: for report pages, the window and documents alike."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.maps import Circle
from core.types import RgbImage

Floats = NDArray[np.float32]

_STOPS = np.array([(10, 60, 10), (30, 150, 30), (90, 255, 70), (190, 255, 120)], dtype=np.float32)
"""From little to much: dark to pale green, a hue that warm and cool colour scales both go without. In grey it rises."""
_LEVELS = np.linspace(0, 1, 256)
_COLOURS = [int(np.interp(level, np.linspace(0, 1, len(_STOPS)), stops)) for level in _LEVELS for stops in _STOPS.T]
"""A palette: red, green and blue of every level."""
LINE: tuple[int, int, int] = (130, 255, 60)
"""Of the line round half the peak."""
_HALO = (0, 0, 0)
_HALF = 0.5
"""A line goes round what has at least half the peak."""
_FAINT = 0.15
"""Below this share of the peak nothing is laid over: the network's ground level, not a place."""
_SHARES = np.sqrt(np.clip((_LEVELS - _FAINT) / (1 - _FAINT), 0, 1))
"""How much of the picture each level covers, of what the strongest does."""
_DIMMER = [round(0.42 * grey) for grey in range(256)]
OPACITY = 0.8
"""On a dimmed picture."""


def resized(crop: RgbImage, side: int) -> RgbImage:
    """A square crop at ``side`` by ``side`` pixels."""
    return np.asarray(_resized(Image.fromarray(crop), side), dtype=np.uint8)


def _resized(picture: Image.Image, side: int) -> Image.Image:
    """Polar maps are smooth: to make them smaller the quicker filter is as good."""
    smaller = side < picture.width
    return picture.resize((side, side), Image.Resampling.HAMMING if smaller else Image.Resampling.LANCZOS)


def dimmed(crop: RgbImage, side: int) -> RgbImage:
    """A square crop resized and in dark grey, on which an activation map can be told from it without colour, too."""
    grey = _resized(Image.fromarray(crop).convert("L"), side).point(_DIMMER)
    return np.asarray(grey.convert("RGB"), dtype=np.uint8)


def enlarged(activation: Floats, side: int) -> Floats:
    """A small map of values from 0 to 1 at ``side`` by ``side`` pixels, smooth between its own."""
    small = Image.fromarray(np.ascontiguousarray(activation, dtype=np.float32))
    return np.clip(np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32), 0, 1)


def on_each(activation: Floats, circles: Mapping[str, Circle], side: int, *, of: int) -> Floats:
    """A map that explains one disc, on every polar map of a crop; at ``side`` pixels of a crop that has ``of``.

    A network of kind "study" reads a view's polar maps as channels of one image: its activation holds for each.
    """
    heat = np.zeros((side, side), dtype=np.float32)
    for column, row, radius in circles.values():
        left, top, right, bottom = (
            round(edge * side / of) for edge in (column - radius, row - radius, column + radius, row + radius)
        )
        wide = min(right - left, bottom - top, side - left, side - top)
        along = (np.arange(wide) + 0.5) / wide * 2 - 1
        disc = np.hypot(along[:, None], along[None, :]) <= 1
        heat[top : top + wide, left : left + wide][disc] = enlarged(activation, wide)[disc]
    return heat


def laid_over(picture: RgbImage, heat: Floats, opacity: float) -> RgbImage:
    """``picture`` under ``heat`` of the same rows and columns; with opacity 0 the picture itself.

    A line goes round what has at least half the peak, light on dark: a tint alone is hard to see on coloured maps, and
    a light line on white ones.
    """
    levels = Image.fromarray((heat * 255).astype(np.uint8))
    cover = levels.point([int(255 * opacity * share) for share in _SHARES])
    levels.putpalette(_COLOURS)
    over = Image.composite(levels.convert("RGB"), Image.fromarray(picture), cover)
    inside = heat >= _HALF
    for edge, colour in ((_edge(~inside, 1), _HALO), (_edge(inside, 2), LINE)):
        over.paste(colour, mask=Image.fromarray(edge * np.uint8(255 * min(1.0, 2 * opacity))))
    return np.asarray(over, dtype=np.uint8)


@lru_cache(maxsize=4)
def scale(columns: int, rows: int, opacity: float) -> RgbImage:
    """The colours from no activation at the left to the peak at the right, as they lie over a dimmed grey picture."""
    ground = np.full((rows, columns, 3), _DIMMER[128], dtype=np.uint8)
    return laid_over(ground, np.tile(np.linspace(0, 1, columns, dtype=np.float32), (rows, 1)), opacity)


def _edge(inside: NDArray[np.bool_], wide: int) -> NDArray[np.bool_]:
    """The outermost pixels of a region, ``wide`` of them."""
    outside = np.pad(~inside, wide, mode="edge")
    rows, columns = inside.shape
    near = np.zeros_like(inside)
    for down, right in ((0, wide), (2 * wide, wide), (wide, 0), (wide, 2 * wide)):
        near |= outside[down : down + rows, right : right + columns]
    return inside & near
