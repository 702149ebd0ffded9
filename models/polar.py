"""From the colours of a crop back to what they stand for: polar maps of counts, motion and thickening.

A screen shows numbers as colours. Its layout names the colour scale, so that every pixel can be given the level whose
colour is nearest; on simulated screens the mean error is below 0.003 of the scale. Serving and training share this.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.maps import Anchor, Circle, Maps
from core.pixels import RgbImage

Floats = NDArray[np.float32]

RINGS, ANGLES = 32, 72
"""The grid of a polar map: ring 0 is the apex; angles run counter-clockwise from the right (lateral)."""

_FINER = 2
"""Places sampled in each ring and in each angle of the grid, whose mean is the map's value."""
_BITS = 6
"""Of each channel: the table of nearest levels has 2 ** 18 entries."""
_CHUNK = 1 << 14


def polar_maps(pixels: RgbImage, maps: Maps) -> dict[str, Floats]:
    """The crop's polar maps by name, each of shape (RINGS, ANGLES), values 0 to 1 of the colour scale."""
    return {name: polar_map(pixels, circle, maps.anchors) for name, circle in maps.circles.items()}


def polar_map(pixels: RgbImage, circle: Circle, anchors: tuple[Anchor, ...]) -> Floats:
    """One polar map, shape (RINGS, ANGLES), values 0 to 1; ValueError if the circle does not lie on the crop."""
    column, row, radius = circle
    if min(column, row) < radius or column + radius > pixels.shape[1] or row + radius > pixels.shape[0]:
        raise ValueError("the circle does not lie on the crop")
    rows, columns = _places(radius)
    fine = levels(pixels[rows + row, columns + column], anchors)
    return np.asarray(fine.reshape(RINGS, _FINER, ANGLES, _FINER).mean(axis=(1, 3)), dtype=np.float32)


def levels(colours: RgbImage, anchors: tuple[Anchor, ...]) -> Floats:
    """The level, 0 to 1, whose colour is nearest to each colour; shape (..., 3) becomes (...)."""
    shift = 8 - _BITS
    red, green, blue = (colours[..., k].astype(np.intp) >> shift for k in range(3))
    return np.asarray(_nearest(anchors)[(red << 2 * _BITS) | (green << _BITS) | blue], dtype=np.float32)


def scale(anchors: tuple[Anchor, ...]) -> NDArray[np.uint8]:
    """The colours of levels 0 to 255, shape (256, 3)."""
    at = [a[0] for a in anchors]
    channels = [np.interp(np.arange(256), at, [a[k] for a in anchors]) for k in (1, 2, 3)]
    return np.asarray(np.rint(np.stack(channels, axis=1)), dtype=np.uint8)


@lru_cache(maxsize=8)
def _nearest(anchors: tuple[Anchor, ...]) -> Floats:
    """For the middle of every cell of colours the nearest level; made once a scale and process.

    What is compared are whole numbers below 2 ** 24, which single precision holds exactly.
    """
    colours = scale(anchors).astype(np.float32)
    distances = np.vstack([colours.T, (colours**2).sum(axis=1)])
    cell = np.arange(1 << 3 * _BITS)
    mask, width = (1 << _BITS) - 1, 1 << (8 - _BITS)
    found = np.empty(cell.size, dtype=np.float32)
    for start in range(0, cell.size, _CHUNK):
        part = cell[start : start + _CHUNK]
        parts = [(part >> k * _BITS) & mask for k in (2, 1, 0)]
        middles = np.stack(parts, axis=1).astype(np.float32) * width + (width - 1) / 2
        terms = np.hstack([-2 * middles, np.ones((len(part), 1), dtype=np.float32)])
        found[start : start + _CHUNK] = (terms @ distances).argmin(axis=1) / 255
    found.setflags(write=False)
    return found


@lru_cache(maxsize=8)
def _places(radius: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, from the middle pixel, of the places sampled; a circle's outermost row is not on its crop."""
    rings = (np.arange(RINGS * _FINER) + 0.5) / (RINGS * _FINER) * radius
    angles = (np.arange(ANGLES * _FINER) + 0.5) / (ANGLES * _FINER) * 2 * np.pi
    rows = -np.rint(rings[:, None] * np.sin(angles)).astype(np.intp)
    columns = np.rint(rings[:, None] * np.cos(angles)).astype(np.intp)
    return np.minimum(rows, radius - 1), np.minimum(columns, radius - 1)
