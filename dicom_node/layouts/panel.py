"""The two kinds of panels, and the outline drawn around them."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dicom_node.layouts.box import Box
from dicom_node.layouts.errors import LayoutError

Places = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of pixels."""

_WIDEST_OUTLINE = 16


@dataclass(frozen=True, slots=True)
class Ring:
    """The outline drawn around every panel: circles are known by their ring, rectangles by their frame."""

    colour: tuple[int, int, int]
    width: int
    """Pixels: from the first one outside the panel on."""
    tolerance: int
    """Grey levels the brightness may be off."""
    channel_tolerance: int
    """Grey levels one channel may be off: lossy compression keeps brightness better than colour."""
    share: float
    """Share of a panel's outline pixels that must have the colour."""

    def __post_init__(self) -> None:
        if any(not 0 <= c <= 255 for c in self.colour):
            raise LayoutError("ring.colour must be three numbers from 0 to 255")
        if not 1 <= self.width <= _WIDEST_OUTLINE:
            raise LayoutError(f"ring.width must be from 1 to {_WIDEST_OUTLINE} pixels")
        if not 0 <= self.tolerance <= 64:
            raise LayoutError("ring.tolerance must be from 0 to 64 grey levels")
        if not self.tolerance <= self.channel_tolerance <= 128:
            raise LayoutError("ring.channel_tolerance must be from ring.tolerance to 128 grey levels")
        if not 0.5 <= self.share <= 1:
            raise LayoutError("ring.share must be from 0.5 to 1")

    def excludes(self, other: "Ring") -> bool:
        """Whether no outline of one place can have both colours, each for as many pixels as it asks."""
        if self.width != other.width or self.share + other.share <= 1:
            return False
        off = max(abs(a - b) for a, b in zip(self.colour, other.colour, strict=True))
        return off > self.channel_tolerance + other.channel_tolerance


@dataclass(frozen=True, slots=True)
class Circle:
    """A round panel: the pixels with ``hypot(x - cx, y - cy) <= radius`` are kept."""

    name: str
    centre: tuple[int, int]
    """(column, row) of the middle pixel."""
    radius: int

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not 8 <= self.radius <= 2048:
            raise LayoutError(f"panel {self.name}: radius must be from 8 to 2048 pixels")

    @property
    def geometry(self) -> tuple[int, ...]:
        """What two panels at the same place have in common."""
        return (*self.centre, self.radius)

    @property
    def tile(self) -> Box:
        """What is cut out: of a circle's outermost column and row, one pixel each, nothing is kept."""
        left, top, right, bottom = self.bounds()
        return Box(left, top, right - 1, bottom - 1)

    @property
    def core(self) -> Box:
        """A part of the panel that lies wholly inside: about the inscribed square."""
        (cx, cy), half = self.centre, int(self.radius * 0.7)
        return Box(cx - half, cy - half, cx + half, cy + half)

    def bounds(self, margin: int = 0) -> Box:
        """The square around the circle, ``margin`` pixels wider on each side."""
        (cx, cy), reach = self.centre, self.radius + margin
        return Box(cx - reach, cy - reach, cx + reach + 1, cy + reach + 1)

    def kept(self) -> NDArray[np.uint8]:
        """Ones where the tile's pixels are kept, shape (rows, columns, 3) of the tile: a factor for its channels."""
        return _disc(self.radius)

    def outline(self, width: int) -> Places:
        """The pixels with ``radius < r <= radius + width``."""
        ys, xs = _ring_places(self.radius, width)
        return ys + self.centre[1], xs + self.centre[0]

    def touches(self, box: Box) -> bool:
        """Whether a kept pixel lies in the box."""
        cx, cy = self.centre
        dx = max(box.left - cx, 0, cx - (box.right - 1))
        dy = max(box.top - cy, 0, cy - (box.bottom - 1))
        return math.hypot(dx, dy) <= self.radius


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A panel with corners: every pixel of the box is kept, the frame lies around it."""

    name: str
    box: Box

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not all(16 <= side <= 4096 for side in self.box.shape):
            sentence = "box must be [left, top, right, bottom] with sides from 16 to 4096 pixels"
            raise LayoutError(f"panel {self.name}: {sentence}")

    @property
    def geometry(self) -> tuple[int, ...]:
        """What two panels at the same place have in common."""
        return tuple(self.box)

    @property
    def tile(self) -> Box:
        """What is cut out."""
        return self.box

    @property
    def core(self) -> Box:
        """A part of the panel that lies wholly inside: all of it."""
        return self.box

    def bounds(self, margin: int = 0) -> Box:
        """The box, ``margin`` pixels wider on each side."""
        return self.box.grown(margin)

    def kept(self) -> NDArray[np.uint8]:
        """Ones where the tile's pixels are kept, shape (rows, columns, 3) of the tile: a factor for its channels."""
        return np.ones((*self.box.shape, 3), np.uint8)

    def outline(self, width: int) -> Places:
        """The pixels of the frame, ``width`` wide, just outside the box."""
        ys, xs = _frame_places(*self.box.shape, width)
        return ys + self.box.top, xs + self.box.left

    def touches(self, box: Box) -> bool:
        """Whether a kept pixel lies in the box."""
        return self.box.touches(box)


Panel = Circle | Rectangle
"""A polar map's place: what of the screen is kept."""


def overlap(a: Panel, b: Panel) -> bool:
    """Whether two panels share a pixel."""
    if isinstance(a, Circle) and isinstance(b, Circle):
        return math.dist(a.centre, b.centre) <= a.radius + b.radius
    return a.touches(b.box) if isinstance(b, Rectangle) else b.touches(a.tile)


def _check_name(name: str) -> None:
    if not name.isidentifier() or name != name.lower():
        raise LayoutError("a panel's name must be lower-case letters, digits and underscores")


@lru_cache(maxsize=16)
def _disc(radius: int) -> NDArray[np.uint8]:
    offset = np.arange(2 * radius) - radius
    kept = offset[:, None] ** 2 + offset[None, :] ** 2 <= radius * radius
    return np.repeat(kept.astype(np.uint8)[..., None], 3, axis=2)  # multiplied 30 times as fast as one channel


@lru_cache(maxsize=64)
def _ring_places(radius: int, width: int) -> Places:
    reach = radius + width
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    squared = dx * dx + dy * dy
    ys, xs = np.nonzero((squared > radius * radius) & (squared <= reach * reach))
    return ys - reach, xs - reach


@lru_cache(maxsize=64)
def _frame_places(rows: int, columns: int, width: int) -> Places:
    frame = np.ones((rows + 2 * width, columns + 2 * width), np.bool_)
    frame[width:-width, width:-width] = False
    ys, xs = np.nonzero(frame)
    return ys - width, xs - width
