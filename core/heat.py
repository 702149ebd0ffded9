"""Class activation maps as they are drawn everywhere: enlarged, put on each polar map, and as a picture to lay over."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.maps import Circle

Floats = NDArray[np.float32]

_STOPS = np.array([(10, 60, 10), (30, 150, 30), (90, 255, 70), (190, 255, 120)], dtype=np.float32)
"""From little to much: dark to pale green, a hue that warm and cool colour scales both go without. In grey it rises."""
_LEVELS = np.linspace(0, 1, 256)
COLOURS = [int(np.interp(level, np.linspace(0, 1, len(_STOPS)), stops)) for level in _LEVELS for stops in _STOPS.T]
"""A palette: red, green and blue of every level."""
LINE: tuple[int, int, int] = (130, 255, 60)
"""Of the line round half the peak."""
HALO = (0, 0, 0)
HALF = 0.5
"""A line goes round what has at least half the peak."""
FAINT = 0.15
"""Below this share of the peak nothing is laid over: the network's ground level, not a place."""
SHARES = np.sqrt(np.clip((_LEVELS - FAINT) / (1 - FAINT), 0, 1))
"""How much of the picture each level covers, of what the strongest does."""


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


def edge(inside: NDArray[np.bool_], wide: int) -> NDArray[np.bool_]:
    """The outermost pixels of a region, ``wide`` of them."""
    outside = np.pad(~inside, wide, mode="edge")
    rows, columns = inside.shape
    near = np.zeros_like(inside)
    for down, right in ((0, wide), (2 * wide, wide), (wide, 0), (wide, 2 * wide)):
        near |= outside[down : down + rows, right : right + columns]
    return inside & near


def transparent(heat: Floats) -> bytes:
    """The map as a PNG to lay over its picture: the report page's colours, clear where there is nothing to see."""
    levels = (heat * 255).astype(np.uint8)
    painted = np.asarray(COLOURS, dtype=np.uint8).reshape(256, 3)[levels]
    cover = (255 * SHARES).astype(np.uint8)[levels]
    inside = heat >= HALF
    for region, colour in ((edge(~inside, 2), HALO), (edge(inside, 4), LINE)):
        painted[region], cover[region] = colour, 255
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([painted, cover]), "RGBA").save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
