"""Turning, shifting and brightening training images: a function of seed, epoch and image.

Whole crops turn as the original work turned them. Panels turn each in its own tile of the two by two, all by the same
angle, so that stress and rest stay comparable and no panel leaves its place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.fit.recipe import Augment

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one image: turned counter-clockwise about its middle, moved right and down, brightened."""

    degrees: float
    columns: float
    rows: float
    factor: float
    """The moves are shares of the side."""


def draw(augment: Augment, *, seed: int, epoch: int, image: int) -> Change:
    """The change of image number ``image`` in ``epoch``; the same numbers always give the same change."""
    rng = np.random.default_rng((seed, 1, epoch, image))
    degrees = rng.uniform(-augment.rotation_degrees, augment.rotation_degrees)
    columns, rows = rng.uniform(-augment.shift, augment.shift, 2)
    return Change(float(degrees), float(columns), float(rows), float(rng.uniform(*augment.brightness)))


def apply(pixels: Pixels, change: Change, augment: Augment) -> Pixels:
    """The changed image, shape (side, side, 3) as before; places from beyond the edge repeat the edge."""
    moved = _by_panel(pixels, change) if augment.by == "panel" else _moved(pixels, change)
    return _brightened(moved, change.factor)


def _moved(pixels: Pixels, change: Change) -> Pixels:
    """One square turned and moved, between pixels by straight lines."""
    side = pixels.shape[0]
    edge = side // 4 + int(side * max(abs(change.columns), abs(change.rows))) + 2  # a corner turns out by 0.21 sides
    wide = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    angle = np.deg2rad(change.degrees)
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    middle, ahead = side / 2, edge + side / 2
    across, down = middle + change.columns * side, middle + change.rows * side
    # Where each pixel of the result comes from: turned back by the angle about the middle, in the widened square.
    place = (cosine, -sine, ahead - cosine * across + sine * down, sine, cosine, ahead - sine * across - cosine * down)
    image = Image.fromarray(wide)
    return np.asarray(image.transform((side, side), Image.Transform.AFFINE, place, Image.Resampling.BILINEAR))


def _by_panel(pixels: Pixels, change: Change) -> Pixels:
    """Each tile's circle turned and moved within itself; what lies outside the circle stays."""
    half = pixels.shape[0] // 2
    inside = _disc(half)[..., np.newaxis]
    changed = pixels.copy()
    for top in (0, half):
        for left in (0, half):
            tile = pixels[top : top + half, left : left + half]
            if tile.any():
                changed[top : top + half, left : left + half] = np.where(inside, _moved(tile, change), tile)
    return changed


def _disc(side: int) -> NDArray[np.bool_]:
    at = np.arange(side) - (side - 1) / 2
    return np.asarray(np.hypot(at[:, np.newaxis], at) <= side / 2)


def _brightened(pixels: Pixels, factor: float) -> Pixels:
    levels = np.minimum(np.arange(256) * factor, 255).astype(np.uint8)
    return np.asarray(levels[pixels])
