"""What a layout says, as values that are valid once they exist."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.types import View
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.palette import Palette

MAX_PANELS = 4
"""A crop is a grid of two by two tiles."""

_MIN_LIT = 20


class Box(NamedTuple):
    """A rectangle of pixels; ``right`` and ``bottom`` are the first column and row outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index that cuts the box out of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, rows: int, columns: int) -> bool:
        """Whether the box is not empty and lies in an image of this size."""
        return 0 <= self.left < self.right <= columns and 0 <= self.top < self.bottom <= rows


@dataclass(frozen=True, slots=True)
class Ring:
    """The outline drawn around every panel: pixels with ``radius < r <= radius + width``."""

    colour: tuple[int, int, int]
    width: int
    tolerance: int
    """Grey levels the brightness may be off."""
    channel_tolerance: int
    """Grey levels one channel may be off: lossy compression keeps brightness better than colour."""
    share: float
    """Share of a panel's ring pixels that must have the colour."""

    def __post_init__(self) -> None:
        if any(not 0 <= c <= 255 for c in self.colour):
            raise LayoutError("ring.colour must be three numbers from 0 to 255")
        if not 1 <= self.width <= 16:
            raise LayoutError("ring.width must be from 1 to 16 pixels")
        if not 0 <= self.tolerance <= 64:
            raise LayoutError("ring.tolerance must be from 0 to 64 grey levels")
        if not self.tolerance <= self.channel_tolerance <= 128:
            raise LayoutError("ring.channel_tolerance must be from ring.tolerance to 128 grey levels")
        if not 0.5 <= self.share <= 1:
            raise LayoutError("ring.share must be from 0.5 to 1")


@dataclass(frozen=True, slots=True)
class Panel:
    """A polar map: the pixels with ``hypot(x - cx, y - cy) <= radius`` are kept."""

    name: str
    centre: tuple[int, int]
    """(column, row) of the middle pixel."""
    radius: int

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.lower():
            raise LayoutError("a panel's name must be lower-case letters, digits and underscores")
        if not 8 <= self.radius <= 2048:
            raise LayoutError(f"panel {self.name}: radius must be from 8 to 2048 pixels")

    def bounds(self, margin: int = 0) -> Box:
        """The square around the circle, ``margin`` pixels wider on each side."""
        (cx, cy), reach = self.centre, self.radius + margin
        return Box(cx - reach, cy - reach, cx + reach + 1, cy + reach + 1)

    def touches(self, box: Box) -> bool:
        """Whether a kept pixel lies in the box."""
        cx, cy = self.centre
        dx = max(box.left - cx, 0, cx - (box.right - 1))
        dy = max(box.top - cy, 0, cy - (box.bottom - 1))
        return math.hypot(dx, dy) <= self.radius


@dataclass(frozen=True, slots=True)
class Caption:
    """A fixed text of the screen, as the pixels of a box that are lit."""

    box: Box
    lit_from: int
    """A pixel is lit when its brightest channel is at least this."""
    agreement: float
    """Lit pixels in both over lit pixels in either (Jaccard index) that is needed."""
    bits: str
    """The box's pixels row by row, most significant bit first, padded with zeros to whole bytes, in hex."""

    def __post_init__(self) -> None:
        rows, columns = self.box.shape
        if rows < 1 or columns < 1:
            raise LayoutError("caption.box must be [left, top, right, bottom] with left < right, top < bottom")
        if not 1 <= self.lit_from <= 255:
            raise LayoutError("caption.lit_from must be from 1 to 255")
        if not 0.5 <= self.agreement <= 1:
            raise LayoutError("caption.agreement must be from 0.5 to 1")
        expected = 2 * math.ceil(rows * columns / 8)
        if len(self.bits) != expected or not set(self.bits) <= set("0123456789abcdef"):
            raise LayoutError(f"caption.bits must be {expected} lower-case hex digits for its box")
        if self.template.sum() < _MIN_LIT:
            raise LayoutError(f"caption.bits must have at least {_MIN_LIT} lit pixels")

    @property
    def template(self) -> NDArray[np.bool_]:
        """The lit pixels, shape (rows, columns) of the box."""
        rows, columns = self.box.shape
        flat = np.unpackbits(np.frombuffer(bytes.fromhex(self.bits), np.uint8), count=rows * columns)
        return flat.astype(bool).reshape(rows, columns)

    def excludes(self, other: "Caption") -> bool:
        """Whether no image can agree with both (the Jaccard distance is a metric: triangle inequality)."""
        if self.box != other.box or self.lit_from != other.lit_from:
            return False
        slack = (1 - self.agreement) + (1 - other.agreement)
        return 1 - jaccard(self.template, other.template) > slack


@dataclass(frozen=True, slots=True)
class ViewLayout:
    """One screen of a layout: its panels in the order of the crop's tiles, and its captions."""

    view: View
    panels: tuple[Panel, ...]
    captions: tuple[Caption, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.panels) <= MAX_PANELS:
            raise LayoutError(f"{self.view}: a view has 1 to {MAX_PANELS} panels")
        if not self.captions:
            raise LayoutError(f"{self.view}: a view needs at least one caption")
        if len({panel.name for panel in self.panels}) < len(self.panels):
            raise LayoutError(f"{self.view}: two panels have the same name")
        if len({panel.radius for panel in self.panels}) > 1:
            raise LayoutError(f"{self.view}: all panels of a view have one radius")
        for a, b in combinations(self.panels, 2):
            if math.dist(a.centre, b.centre) <= a.radius + b.radius:
                raise LayoutError(f"{self.view}: panels {a.name} and {b.name} overlap")

    def confusable(self, other: "ViewLayout") -> bool:
        """Whether one image may show both: the same circles, and no caption that excludes the other."""
        circles = [{(p.centre, p.radius) for p in v.panels} for v in (self, other)]
        apart = any(a.excludes(b) for a in self.captions for b in other.captions)
        return circles[0] == circles[1] and not apart


@dataclass(frozen=True, slots=True)
class Layout:
    """The screens of one workstation program at one size."""

    name: str
    version: int
    rows: int
    columns: int
    ring: Ring
    palette: Palette
    identity_box: Box
    """Where the patient's name is burned in; never part of a panel."""
    coloured_share: float
    """Share of the kept pixels that must be in colour: maps in grey are not what a model was trained on."""
    views: tuple[ViewLayout, ...]
    rank: int = 0
    """Of several layouts that agree with an image the highest rank wins."""

    def __post_init__(self) -> None:
        if not self.name or not self.views or self.version < 1:
            raise LayoutError("a layout has a name, a version from 1 on, and at least one view")
        if not (16 <= self.rows <= 65535 and 16 <= self.columns <= 65535):
            raise LayoutError(f"{self.name}: rows and columns must be from 16 to 65535")
        if not 0 <= self.coloured_share <= 1:
            raise LayoutError(f"{self.name}: coloured_share must be from 0 to 1")
        if not self.identity_box.inside(self.rows, self.columns):
            raise LayoutError(f"{self.name}: identity_box lies outside the image")
        for view in self.views:
            self._check(view)
        for a, b in combinations(self.views, 2):
            if a.view == b.view:
                raise LayoutError(f"{self.name}: view {a.view} is there twice")
            if a.confusable(b):
                raise LayoutError(f"{self.name}: the captions do not tell {a.view} from {b.view}")

    def _check(self, view: ViewLayout) -> None:
        where = f"{self.name}: {view.view}"
        for panel in view.panels:
            if not panel.bounds(self.ring.width).inside(self.rows, self.columns):
                raise LayoutError(f"{where}: panel {panel.name} lies outside the image")
            if panel.touches(self.identity_box):
                raise LayoutError(f"{where}: panel {panel.name} would keep part of identity_box")
            if any(panel.touches(caption.box) for caption in view.captions):
                raise LayoutError(f"{where}: panel {panel.name} overlaps a caption")
        if not all(caption.box.inside(self.rows, self.columns) for caption in view.captions):
            raise LayoutError(f"{where}: a caption lies outside the image")


def check_together(layouts: tuple[Layout, ...]) -> None:
    """Raise LayoutError if two layouts share a name, or could both claim an image with equal right."""
    for a, b in combinations(layouts, 2):
        if a.name == b.name:
            raise LayoutError(f"two layouts are called {a.name}")
        if (a.rows, a.columns, a.rank) != (b.rows, b.columns, b.rank):
            continue
        for x in a.views:
            for y in b.views:
                if x.confusable(y):
                    sentence = f"{a.name} and {b.name} have the same rank and both match {x.view}"
                    raise LayoutError(f"{sentence}: give one a higher rank")


def jaccard(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Pixels set in both over pixels set in either, 0 to 1; 0 if none is set."""
    either = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / either if either else 0.0
