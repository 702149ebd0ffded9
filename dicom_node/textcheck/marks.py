"""Writing found without reading it: small figures that stand out of a map, in any script and at any contrast.

A map is smooth along its colour scale and lies on it. What is neither, is compact, and no long line, was put there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_node.layouts import Box
from dicom_node.textcheck.flattening import Bits, Flat, residual

_REACH = 4
"""Pixels between figures that belong together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a pixel stands out; above all that simulated maps show (docs/adr/0029)."""

    off: float
    """Distance off the scale, grey levels."""
    level: tuple[tuple[int, float], ...]
    """Windows of local medians, from one for thin strokes on, and the distance from each, levels of the scale."""
    inset: int
    """Pixels at the circle's edge that are not looked at."""
    least: int
    """Pixels of a group."""
    torn: int
    """Pixels that a line may be torn apart."""


EXACT = Limits(off=1.5, level=((3, 4.0), (5, 8.0), (9, 20.0)), inset=0, least=16, torn=0)
"""Where nothing was lost in compression."""

LOSSY = Limits(off=44.0, level=((5, 28.0), (9, 36.0)), inset=6, least=12, torn=3)
"""Where JPEG left its own figures, along the ring above all."""


def marks(flats: Mapping[str, Flat], limits: Limits) -> list[tuple[str, Box]]:
    """Where something is written: the panel's name and a box on the crop's canvas."""
    return [(name, _moved(box, flat.box)) for name, flat in flats.items() for box in _groups(flat, limits)]


def _groups(flat: Flat, limits: Limits) -> list[Box]:
    standing = _standing_out(flat, limits)
    if not standing.any():
        return []
    figures = _without_lines(standing, torn=limits.torn)
    labels, count = ndimage.label(ndimage.binary_dilation(figures, iterations=_REACH))
    sizes = _sizes(figures, labels, count)
    places = ndimage.find_objects(labels)
    return [_box(where) for where, size in zip(places, sizes, strict=True) if size >= limits.least]


def _standing_out(flat: Flat, limits: Limits) -> Bits:
    bits = flat.off > limits.off
    for window, limit in limits.level:
        bits |= np.abs(residual(flat.level, window=window)) > limit
    return bits & _inner(flat.kept, limits.inset)


def _inner(kept: Bits, inset: int) -> Bits:
    if inset == 0:
        return kept
    inner: Bits = ndimage.binary_erosion(kept, iterations=inset)
    return inner


def _without_lines(bits: Bits, *, torn: int) -> Bits:
    """Without figures that are long and thin, such as the outlines of segments: nobody's name is one."""
    joined = ndimage.binary_dilation(bits, iterations=torn) if torn else bits
    labels, count = ndimage.label(joined, structure=np.ones((3, 3)))
    sizes = _sizes(bits, labels, count)
    kept = np.zeros(count + 1, bool)
    for number, (where, size) in enumerate(zip(ndimage.find_objects(labels), sizes, strict=True), start=1):
        kept[number] = not _is_line(where, size)
    figures: NDArray[np.bool_] = kept[labels] & bits
    return figures


def _sizes(bits: Bits, labels: NDArray[np.int32], count: int) -> list[int]:
    """How many set pixels each figure has."""
    return [int(n) for n in np.bincount(labels[bits], minlength=count + 1)[1:]]


def _is_line(where: tuple[slice, ...], size: int) -> bool:
    height, width = (int(place.stop) - int(place.start) for place in where)
    longer = max(height, width)
    return (longer >= 64 and size < 0.15 * height * width) or (longer >= 16 and size < 1.4 * longer)


def _box(where: tuple[slice, ...]) -> Box:
    rows, columns = where
    return Box(columns.start, rows.start, columns.stop, rows.stop)


def _moved(box: Box, tile: Box) -> Box:
    """From a panel's tile to the canvas, without what dilation added beyond the tile."""
    moved = (box.left + tile.left, box.top + tile.top, box.right + tile.left, box.bottom + tile.top)
    return Box(max(moved[0], tile.left), max(moved[1], tile.top), min(moved[2], tile.right), min(moved[3], tile.bottom))
