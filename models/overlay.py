"""Class activation maps laid over what they explain: for report pages, the window and documents alike."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.heat import COLOURS, HALF, HALO, LINE, SHARES, edge, enlarged, on_each
from core.pixels import RgbImage

__all__ = ["LINE", "OPACITY", "dimmed", "enlarged", "laid_over", "on_each", "resized", "scale"]

Floats = NDArray[np.float32]

_DIMMER = [round(0.42 * grey) for grey in range(256)]
OPACITY = 0.8
"""On a dimmed picture."""


def resized(crop: RgbImage, side: int) -> RgbImage:
    """A square crop at ``side`` by ``side`` pixels."""
    return np.asarray(_resized(Image.fromarray(crop), side), dtype=np.uint8)


def _resized(picture: Image.Image, side: int) -> Image.Image:
    """Polar maps are smooth: to make them smaller the quicker filter is as good."""
    smaller = side < picture.width
    return picture.resize((side, side), Image.Resampling.HAMMING if smaller else Image.Resampling.LANCZOS)


def dimmed(crop: RgbImage, side: int) -> RgbImage:
    """A square crop resized and in dark grey, on which an activation map can be told from it without colour, too."""
    grey = _resized(Image.fromarray(crop).convert("L"), side).point(_DIMMER)
    return np.asarray(grey.convert("RGB"), dtype=np.uint8)


def laid_over(picture: RgbImage, heat: Floats, opacity: float) -> RgbImage:
    """``picture`` under ``heat`` of the same rows and columns; with opacity 0 the picture itself.

    A line goes round what has at least half the peak, light on dark: a tint alone is hard to see on coloured maps, and
    a light line on white ones.
    """
    levels = Image.fromarray((heat * 255).astype(np.uint8))
    cover = levels.point([int(255 * opacity * share) for share in SHARES])
    levels.putpalette(COLOURS)
    over = Image.composite(levels.convert("RGB"), Image.fromarray(picture), cover)
    inside = heat >= HALF
    for region, colour in ((edge(~inside, 1), HALO), (edge(inside, 2), LINE)):
        over.paste(colour, mask=Image.fromarray(region * np.uint8(255 * min(1.0, 2 * opacity))))
    return np.asarray(over, dtype=np.uint8)


@lru_cache(maxsize=4)
def scale(columns: int, rows: int, opacity: float) -> RgbImage:
    """The colours from no activation at the left to the peak at the right, as they lie over a dimmed grey picture."""
    ground = np.full((rows, columns, 3), _DIMMER[128], dtype=np.uint8)
    return laid_over(ground, np.tile(np.linspace(0, 1, columns, dtype=np.float32), (rows, 1)), opacity)
