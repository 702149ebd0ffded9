"""The colours that a layout's maps are drawn in, and how much of an image lies off them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dicom_node.layouts.errors import LayoutError

_CELL = 8
"""Colours are looked up in cells of 8 x 8 x 8."""

_CELLS = 256 // _CELL


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour scale: straight lines in RGB from anchor to anchor."""

    anchors: tuple[tuple[int, int, int, int], ...]
    """(level, red, green, blue); levels rise from 0 to 255."""
    tolerance: int
    """Euclidean distance in RGB up to which a colour counts as one of the scale's."""
    off_share: float
    """Share of a panel's pixels that may lie farther off."""

    def __post_init__(self) -> None:
        levels = [level for level, *_ in self.anchors]
        if len(levels) < 2 or levels[0] != 0 or levels[-1] != 255 or levels != sorted(set(levels)):
            raise LayoutError("palette.anchors must be [level, red, green, blue] with levels rising from 0 to 255")
        if any(not 0 <= channel <= 255 for _, *colour in self.anchors for channel in colour):
            raise LayoutError("palette.anchors must have colours from 0 to 255")
        if not _CELL <= self.tolerance <= 64:
            raise LayoutError(f"palette.tolerance must be from {_CELL} to 64")
        if not 0 <= self.off_share <= 0.5:
            raise LayoutError("palette.off_share must be from 0 to 0.5")

    def table(self) -> NDArray[np.uint8]:
        """The colours of the 256 levels, shape (256, 3)."""
        levels, *channels = zip(*self.anchors, strict=True)
        table = [np.interp(np.arange(256), levels, channel) for channel in channels]
        return np.asarray(np.rint(np.stack(table, axis=1)), dtype=np.uint8)

    def off(self, pixels: NDArray[np.uint8]) -> float:
        """The share of ``pixels``, shape (..., 3), that is farther off the scale than the tolerance; by cells of 8."""
        cell = (pixels // _CELL).astype(np.intp)
        near = np.take(_near(self), (cell[..., 0] * _CELLS + cell[..., 1]) * _CELLS + cell[..., 2])
        return 1.0 - float(np.count_nonzero(near)) / near.size


@lru_cache(maxsize=16)
def _near(palette: Palette) -> NDArray[np.bool_]:
    """Which cells' middles are within the tolerance of a colour of the scale, flat, by red, green and blue."""
    middle = np.arange(_CELLS, dtype=np.float32) * _CELL + (_CELL - 1) / 2
    off = np.full((_CELLS, _CELLS, _CELLS), np.inf, np.float32)
    for colour in np.unique(palette.table()[::2], axis=0).astype(np.float32):
        red, green, blue = ((middle - channel) ** 2 for channel in colour)
        np.minimum(off, red[:, None, None] + green[:, None] + blue, out=off)
    near: NDArray[np.bool_] = (off <= palette.tolerance**2).ravel()
    return near
