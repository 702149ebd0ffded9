"""A crop without what a map is made of: where each pixel lies on the layout's colour scale, and how far off it.

A map is smooth along its scale and nowhere off it; writing is neither. So letters of four grey levels stand out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.pixels import RgbImage
from dicom_node.layouts import Box, Crop, Palette
from dicom_node.layouts.plausibility import LUMA

Floats = NDArray[np.float32]
Bits = NDArray[np.bool_]

_ROUNDING = 0.8
"""Distance off the scale that rounding to whole grey levels alone can bring about, a little above."""

_DARK = 4
"""Levels of the scale that lossy compression keeps as they are, and that therefore tell nothing about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """One panel, shape (2 * radius, 2 * radius): what lies outside the circle repeats its edge."""

    box: Box
    """Where the panel lies on the crop's canvas."""
    kept: Bits
    """The circle."""
    level: Floats
    """Place on the scale, 0 to 255."""
    off: Floats
    """Distance from the scale in RGB, grey levels."""

    bright: Floats
    """Brightness, 0 to 255."""


def flatten(crop: Crop, palette: Palette) -> dict[str, Flat]:
    """The panels of a crop by name."""
    return {name: _flat(crop.pixels[box.slices], box, palette) for name, box in crop.boxes.items()}


def exact(flats: Iterable[Flat]) -> bool:
    """Whether the colours are the scale's to within rounding: never compressed with loss, and the scale is right."""
    off = np.concatenate([flat.off[flat.kept & (flat.level > _DARK)] for flat in flats])
    return off.size > 0 and float(np.mean(off < _ROUNDING)) > 0.5


def _flat(tile: RgbImage, box: Box, palette: Palette) -> Flat:
    kept, rows, columns = _edge(box.right - box.left)
    whole = tile[rows, columns]
    level, off = _project(whole, palette)
    return Flat(box=box, kept=kept, level=level, off=off, bright=whole.astype(np.float32) @ LUMA)


def residual(values: Floats, *, window: int) -> Floats:
    """What is left of values 0 to 255 without their local median."""
    import cv2  # noqa: PLC0415 - native code: only where it is used

    smooth = cv2.medianBlur(np.rint(values).astype(np.uint8), window)
    left: Floats = values - smooth.astype(np.float32)
    return left


def _project(pixels: RgbImage, palette: Palette) -> tuple[Floats, Floats]:
    """The nearest place on the scale's lines and the distance from it."""
    colours = pixels.astype(np.float32)
    nearest = np.full(pixels.shape[:2], np.inf, np.float32)
    level = np.zeros(pixels.shape[:2], np.float32)
    for (low, *start), (high, *end) in zip(palette.anchors[:-1], palette.anchors[1:], strict=True):
        way = np.array(end, np.float32) - np.array(start, np.float32)
        from_start = colours - np.array(start, np.float32)
        share = np.clip(from_start @ way / max(float(way @ way), 1.0), 0, 1)
        distance = np.square(from_start - share[..., None] * way).sum(axis=2)
        closer = distance < nearest
        nearest[closer] = distance[closer]
        level[closer] = low + share[closer] * (high - low)
    return level, np.sqrt(nearest)


@lru_cache(maxsize=8)
def _edge(side: int) -> tuple[Bits, NDArray[np.intp], NDArray[np.intp]]:
    """The circle of a tile, and for every pixel the row and column of the kept pixel that stands for it."""
    offset = np.arange(side) - side / 2
    dx, dy = np.meshgrid(offset, offset)
    distance = np.hypot(dx, dy)
    reach = side / 2 - 1.5
    kept = distance <= side / 2 - 1
    shrink = np.where(kept, 1.0, reach / np.maximum(distance, 1))
    rows, columns = (np.clip(np.rint(d * shrink + side / 2), 0, side - 1).astype(np.intp) for d in (dy, dx))
    return kept, rows, columns
