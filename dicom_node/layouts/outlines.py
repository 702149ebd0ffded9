"""Finding the panels of a screen that nobody described yet: rings and frames of one grey colour with a map inside.

It is for screens as they were drawn. Lossy compression blurs outlines, and what might be found then is not to be kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.pixels import RgbImage
from dicom_node.layouts.box import Box
from dicom_node.layouts.panel import Circle, Panel, Rectangle, overlap
from dicom_node.layouts.plausibility import CHROMA, LEAST_COLOURED, LEAST_SPREAD, LUMA, sample

_SMALLEST = 24
"""Pixels of a panel's side."""
_WIDEST = 8
"""Pixels of an outline's width."""
_GREY = 64
"""Grey levels between the channels of an outline's colour at most; a frame in a map's colour cannot be told from it."""
_DARKEST = 40
_COLOURS = 16
"""How many of the most frequent colours are tried."""
_WHOLE = 0.85
"""Share of an outline that must be there."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outlined:
    """Panels with outlines of one colour and width, in reading order."""

    panels: tuple[Panel, ...]
    colour: tuple[int, int, int]
    width: int


def find(pixels: RgbImage, *, count: int) -> Outlined | None:
    """So many panels of one kind, circles before rectangles, large before small.

    Where there are not so many, the most that were found of one kind; None if there is nothing.
    """
    found = list(groups(pixels))
    fitting = [group for group in found if len(group.panels) == count]
    return max(fitting or found, key=_claim, default=None)


def _claim(group: Outlined) -> tuple[bool, int, int]:
    first = group.panels[0]
    return isinstance(first, Circle), min(max(panel.tile.shape) for panel in group.panels), len(group.panels)


def reading_order(panels: Iterable[Panel]) -> tuple[Panel, ...]:
    """Row by row from the top, each row from the left."""
    rows: list[list[Panel]] = []
    for panel in sorted(panels, key=lambda panel: panel.tile.top):
        if rows and panel.tile.top < (rows[-1][0].tile.top + rows[-1][0].tile.bottom) / 2:
            rows[-1].append(panel)
        else:
            rows.append([panel])
    return tuple(panel for row in rows for panel in sorted(row, key=lambda panel: panel.tile.left))


def groups(pixels: RgbImage) -> Iterator[Outlined]:
    """Panels by kind, colour and width of their outline; of two that overlap the larger."""
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    packed = red << 16 | green << 8 | blue
    for colour in _colours(pixels, packed):
        found: dict[tuple[type, int], list[Panel]] = defaultdict(list)
        for panel, width in _shapes(pixels, packed == colour):
            found[type(panel), width].append(panel)
        for (_, width), panels in found.items():
            named = (replace(panel, name=f"panel_{n}") for n, panel in enumerate(_apart(panels), start=1))
            yield Outlined(tuple(named), (colour >> 16, colour >> 8 & 255, colour & 255), width)


def _apart(panels: Iterable[Panel]) -> tuple[Panel, ...]:
    kept: list[Panel] = []
    for panel in sorted(panels, key=lambda panel: -max(panel.tile.shape)):
        if not any(overlap(panel, other) for other in kept):
            kept.append(panel)
    return reading_order(kept)


def _colours(pixels: RgbImage, packed: NDArray[np.int32]) -> list[int]:
    """The most frequent greyish colours that are not dark, as red << 16 | green << 8 | blue."""
    high, low = pixels.max(axis=2), pixels.min(axis=2)
    keys, counts = np.unique(packed[(high >= _DARKEST) & (high - low <= _GREY)], return_counts=True)
    return [int(keys[place]) for place in np.argsort(-counts, kind="stable")[:_COLOURS]]


def _shapes(pixels: RgbImage, mask: Mask) -> Iterator[tuple[Panel, int]]:
    """Panels whose outlines are in the mask, and the outline's width."""
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    for number, (ys, xs) in enumerate(ndimage.find_objects(labels), start=1):
        box = Box(xs.start, ys.start, xs.stop, ys.stop)
        if min(box.shape) < _SMALLEST:
            continue
        found = _circle(mask, labels[box.slices] == number, box) or _frame(mask, box)
        if found and _has_map(pixels, found[0]):
            yield found


def _circle(mask: Mask, part: Mask, box: Box) -> tuple[Panel, int] | None:
    """The ring that a connected part of the mask is, with what touches it left aside."""
    ys, xs = np.nonzero(part)
    fitted = _fit(xs + box.left, ys + box.top)
    if fitted is None:
        return None
    x, y, radius = fitted
    places = [(round(x) + dx, round(y) + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    shares = {centre: _profile(mask, centre, int(radius)) for centre in places}
    centre = max(places, key=lambda place: float((shares[place] ** 2).sum()))
    start, width = _run(shares[centre] >= _WHOLE)
    inner = int(radius) - _WIDEST + start
    if not width or inner * 2 < _SMALLEST:
        return None
    return Circle("panel", centre, inner), width


def _fit(xs: NDArray[np.intp], ys: NDArray[np.intp]) -> tuple[float, float, float] | None:
    """Centre and radius by least squares (Kasa 1976), three times, each without what lay off the last."""
    x = y = radius = 0.0
    for turn, off in enumerate((0.0, 4.0, 3.0)):
        if turn:
            near = np.abs(np.hypot(xs - x, ys - y) - radius) <= off
            xs, ys = xs[near], ys[near]
        if len(xs) < 3 * _SMALLEST:
            return None
        system = np.stack([xs, ys, np.ones_like(xs)], axis=1).astype(np.float64)
        (a, b, c), *_ = np.linalg.lstsq(system, (xs * xs + ys * ys).astype(np.float64), rcond=None)
        x, y = float(a) / 2, float(b) / 2
        radius = float(np.sqrt(max(float(c) + x * x + y * y, 0.0)))
    return (x, y, radius) if 0 <= x < 1e5 and 0 <= y < 1e5 and radius < 1e4 else None


def _profile(mask: Mask, centre: tuple[int, int], radius: int) -> NDArray[np.float64]:
    """The share of each annulus one pixel wide that the mask has, from ``radius - _WIDEST`` on."""
    (cx, cy), reach = centre, radius + _WIDEST + 1
    window = Box(cx - reach, cy - reach, cx + reach + 1, cy + reach + 1)
    if not window.inside(*mask.shape):
        window = Box(max(window.left, 0), max(window.top, 0), window.right, window.bottom)
    part = mask[window.slices]
    dy = np.arange(window.top, window.top + part.shape[0]) - cy
    dx = np.arange(window.left, window.left + part.shape[1]) - cx
    annulus = np.ceil(np.hypot(dx[None, :], dy[:, None])).astype(np.intp) - 1 - (radius - _WIDEST)
    wanted = (annulus >= 0) & (annulus < 2 * _WIDEST)
    whole = np.bincount(annulus[wanted], minlength=2 * _WIDEST)
    there = np.bincount(annulus[wanted & part], minlength=2 * _WIDEST)
    return there / np.maximum(whole, 1)


def _frame(mask: Mask, box: Box) -> tuple[Panel, int] | None:
    """The frame whose outer edge is the box."""
    width = 0
    while width < _WIDEST and min(box.grown(-width).shape) > _SMALLEST:
        left, top, right, bottom = box.grown(-width)
        sides = (
            mask[top, left:right],
            mask[bottom - 1, left:right],
            mask[top:bottom, left],
            mask[top:bottom, right - 1],
        )
        if min(float(side.mean()) for side in sides) < _WHOLE:
            break
        width += 1
    inner = box.grown(-width)
    return (Rectangle("panel", inner), width) if width and min(inner.shape) >= _SMALLEST else None


def _run(there: Mask) -> tuple[int, int]:
    """Start and length of the first run of what is there."""
    places = np.flatnonzero(there)
    if not len(places):
        return 0, 0
    start = int(places[0])
    gaps = np.flatnonzero(~there[start:])
    return start, int(gaps[0]) if len(gaps) else len(there) - start


def _has_map(pixels: RgbImage, panel: Panel) -> bool:
    seen = sample(pixels, panel)
    coloured = np.mean(np.ptp(seen, axis=2) >= CHROMA)
    return bool(coloured >= LEAST_COLOURED and np.std(seen @ LUMA) >= LEAST_SPREAD)
