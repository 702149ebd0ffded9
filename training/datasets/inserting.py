"""A defect put into the polar maps of a crop; not a pixel outside the maps changes."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.maps import Anchor, Circle, Maps
from core.pixels import RgbImage
from core.types import View
from models.polar import levels, scale
from training.phantom.disease import Defect

Floats = NDArray[np.float64]

FULL_DIFFERENCE = 0.5
"""The difference of rest and stress, as a share of the maximum, that a difference map shows at the end of its scale."""
_BLUR = 0.07
"""Sigma of the camera's blur, as a share of a map's radius: 12 mm FWHM on a wall that is about 75 mm long."""
_BRIGHTEST = 0.98
"""A perfusion map shows its brightest 2 % at the end of the scale."""
_OFF_SCALE = 60.0
"""Distance in RGB from which on a pixel is a line or a letter over the map, which stays."""


def insert(pixels: RgbImage, maps: Maps, view: View, defect: Defect) -> RgbImage:
    """The crop as it would look if the wall had the defect: counts, motion and thickening all agree."""
    out = pixels.copy()
    before = {name: _read(pixels, circle, maps.anchors) for name, circle in maps.circles.items()}
    after = {name: _changed(name, before[name], view, defect, maps.circles[name]) for name in before}
    if {"stress", "rest", "difference"} <= before.keys():
        after["difference"] = _difference(before, after, maps)
    for name, values in after.items():
        if name in before:
            _paint(out, before[name], values, circle=maps.circles[name], anchors=maps.anchors)
    return out


def _changed(name: str, values: Floats, view: View, defect: Defect, circle: Circle) -> Floats:
    mask = _mask(defect, circle[2])
    at_rest = name == "rest" or view is View.REST_QGS
    if name in {"motion", "thickening"}:
        lost = defect.stunned_rest if at_rest else defect.stunned_stress
        return values * (1 - min(lost, 1.0) * mask)
    if name == "difference":
        return values
    depth = (defect.depth_rest if at_rest else defect.depth_stress) * min(defect.transmural, 1.0)
    return _brightened(values, values * (1 - depth * mask), circle[2])


def _brightened(before: Floats, after: Floats, radius: int) -> Floats:
    """The map as a workstation shows it: its brightest part stays at the end of the scale."""
    inside = _disc(radius)
    was, now = (float(np.quantile(values[inside], _BRIGHTEST)) for values in (before, after))
    return np.asarray(np.clip(after * (was / now), 0, 1)) if now > 0 else after


def _difference(before: dict[str, Floats], after: dict[str, Floats], maps: Maps) -> Floats:
    """The old difference and what the defect adds to it; where circles differ in size, the old one."""
    sizes = {maps.circles[name][2] for name in ("stress", "rest", "difference")}
    if len(sizes) > 1:
        return before["difference"]
    added = (after["rest"] - before["rest"]) - (after["stress"] - before["stress"])
    return np.asarray(np.clip(before["difference"] + added / FULL_DIFFERENCE, 0, 1))


def _square(circle: Circle) -> tuple[slice, slice]:
    column, row, radius = circle
    return slice(row - radius, row + radius), slice(column - radius, column + radius)


def _read(pixels: RgbImage, circle: Circle, anchors: tuple[Anchor, ...]) -> Floats:
    """The levels of the square around a circle, 0 to 1."""
    return np.asarray(levels(pixels[_square(circle)], anchors), dtype=np.float64)


def _paint(out: RgbImage, before: Floats, after: Floats, *, circle: Circle, anchors: tuple[Anchor, ...]) -> None:
    """Colour what changed inside the circle; what is no colour of the scale stays."""
    colours, square = scale(anchors), out[_square(circle)]
    shown = colours[np.rint(before * 255).astype(np.intp)].astype(np.float64)
    on_scale = np.linalg.norm(square - shown, axis=2) <= _OFF_SCALE
    changed = _disc(circle[2]) & on_scale & (np.abs(after - before) >= 0.5 / 255)
    square[changed] = colours[np.rint(after[changed] * 255).astype(np.intp)]


@lru_cache(maxsize=8)
def _disc(radius: int) -> NDArray[np.bool_]:
    offset = np.arange(2 * radius) - radius
    return np.asarray(offset[:, None] ** 2 + offset[None, :] ** 2 <= radius * radius)


def _mask(defect: Defect, radius: int) -> Floats:
    """How much of each pixel belongs to the defect, as the camera would blur it."""
    offset = (np.arange(2 * radius) - radius).astype(np.float64)
    dx, dy = np.meshgrid(offset, -offset)
    p, theta = np.hypot(dx, dy) / radius, np.arctan2(dy, dx) % (2 * np.pi)
    return np.asarray(gaussian_filter(defect.mask(p, theta), _BLUR * radius, mode="nearest"))
