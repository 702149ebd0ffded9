"""Writing found without reading it: small figures that stand out of a map, in any script and at any contrast.

A map is smooth along its colour scale and lies on it. What is neither, is compact, and no long line, was put there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_node.layouts import Box
from dicom_node.textcheck.flattening import Bits, Flat, Floats, residual

_REACH = 4
"""Pixels between figures that belong together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a pixel stands out, and how many such pixels together are writing.

    The numbers of pixels are about twice what simulated maps show at most (docs/adr/0029).
    """

    off: tuple[tuple[float, int], ...]
    """Distances off the scale in grey levels, and pixels."""
    level: tuple[tuple[int, float, int], ...]
    """Windows of local medians, distance from each in levels of the scale, and pixels."""
    inset: int
    """Pixels at the circle's edge that are not looked at."""
    torn: int
    """Pixels that a line may be torn apart."""


EXACT = Limits(
    off=((1.5, 16),),
    level=((3, 1.5, 240), (3, 2.5, 64), (3, 4.0, 24), (5, 4.0, 440), (5, 5.0, 160), (5, 8.0, 24), (9, 20.0, 16)),
    inset=0,
    torn=0,
)
"""Where nothing was lost in compression."""

LOSSY = Limits(
    off=((44.0, 16), (32.0, 60), (24.0, 210), (16.0, 1000)),
    level=((5, 28.0, 16), (5, 12.0, 60), (5, 8.0, 100), (9, 36.0, 16), (9, 24.0, 90), (9, 16.0, 290)),
    inset=6,
    torn=1,
)
"""Where JPEG left its own figures, along the ring above all."""


def marks(flats: Mapping[str, Flat], limits: Limits) -> list[tuple[str, Box]]:
    """Where something is written: the panel's name and a box on the crop's canvas."""
    return [(name, _moved(box, flat.box)) for name, flat in flats.items() for box in _groups(flat, limits)]


def _groups(flat: Flat, limits: Limits) -> list[Box]:
    weights = _weights(flat, limits)
    if not weights.any():
        return []
    figures = _without_lines(weights > 0, torn=limits.torn)
    labels, count = _labelled(ndimage.binary_dilation(figures, iterations=_REACH))
    sums = np.bincount(labels[figures], weights=weights[figures], minlength=count + 1)[1:]
    return [_box(where) for where, total in zip(ndimage.find_objects(labels), sums.tolist(), strict=True) if total >= 1]


def _weights(flat: Flat, limits: Limits) -> Floats:
    """For each pixel the share of a writing that it is: one over the pixels that its strongest limit asks for."""
    weights = np.zeros(flat.off.shape, np.float32)
    for distance, pixels in limits.off:
        np.maximum(weights, np.where(flat.off > distance, 1 / pixels, 0), out=weights)
    left = {window: np.abs(residual(flat.level, window=window)) for window, _, _ in limits.level}
    for window, distance, pixels in limits.level:
        np.maximum(weights, np.where(left[window] > distance, 1 / pixels, 0), out=weights)
    weights[~_inner(flat.kept, limits.inset)] = 0
    return weights


def _inner(kept: Bits, inset: int) -> Bits:
    if inset == 0:
        return kept
    inner: Bits = ndimage.binary_erosion(kept, iterations=inset)
    return inner


def _without_lines(bits: Bits, *, torn: int) -> Bits:
    """Without figures that are long and thin, such as the outlines of segments: nobody's name is one."""
    joined = ndimage.binary_dilation(bits, iterations=torn) if torn else bits
    labels, count = _labelled(joined)
    sizes = [int(n) for n in np.bincount(labels[bits], minlength=count + 1)[1:]]
    kept = np.zeros(count + 1, bool)
    for number, (where, size) in enumerate(zip(ndimage.find_objects(labels), sizes, strict=True), start=1):
        kept[number] = not _is_line(where, size)
    figures: NDArray[np.bool_] = kept[labels] & bits
    return figures


def _labelled(bits: Bits) -> tuple[NDArray[np.intp], int]:
    """Connected figures by number, corners too, and how many there are."""
    labels, count = ndimage.label(bits, structure=np.ones((3, 3)))
    return np.asarray(labels, np.intp), int(count)


def _is_line(where: tuple[slice, ...], size: int) -> bool:
    height, width = (int(place.stop) - int(place.start) for place in where)
    longer = max(height, width)
    return (longer >= 32 and size < 0.15 * height * width) or (longer >= 16 and size < 1.4 * longer)


def _box(where: tuple[slice, ...]) -> Box:
    rows, columns = where
    return Box(columns.start, rows.start, columns.stop, rows.stop)


def _moved(box: Box, tile: Box) -> Box:
    """From a panel's tile to the canvas, without what dilation added beyond the tile."""
    moved = (box.left + tile.left, box.top + tile.top, box.right + tile.left, box.bottom + tile.top)
    return Box(max(moved[0], tile.left), max(moved[1], tile.top), min(moved[2], tile.right), min(moved[3], tile.bottom))
