"""Crops that look like those of MPI screens and cost milliseconds: round maps of smooth counts in a layout's colours."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.maps import Maps
from core.types import REQUIRED_VIEWS, RgbImage, View
from dicom_node import layouts
from models import polar
from models.crop import CropInput

LAYOUT = next(layout for layout in layouts.shipped() if layout.name == "qps-qgs-1280")


def patient(rng: np.random.Generator) -> dict[View, CropInput]:
    """The crops of one patient as the shipped layout would cut them, with their maps."""
    return {view: crop(rng, view) for view in REQUIRED_VIEWS}


def crop(rng: np.random.Generator, view: View) -> CropInput:
    """A crop with every panel filled: warm on top, cooler below, a dark spot here and there."""
    blank = layouts.crop(np.zeros((1024, 1280, 3), np.uint8), _match(view))
    maps = layouts.maps_of(blank, LAYOUT)
    pixels = np.zeros_like(blank.pixels)
    for name, (column, row, radius) in maps.circles.items():
        low, high = (
            (0.0, 0.25) if name == "difference" else (0.35, 0.7) if name in {"motion", "thickening"} else (0.6, 1)
        )
        box = np.s_[row - radius : row + radius, column - radius : column + radius]
        pixels[box] = _disc(rng, maps, low=low, high=high, radius=radius)
    return CropInput(pixels, maps)


def bypassed(screen: RgbImage, view: View) -> CropInput:
    """What the layout's keep-list keeps of any picture of a screen's size, recognised or not."""
    cut = layouts.crop(screen, _match(view))
    return CropInput(cut.pixels, layouts.maps_of(cut, LAYOUT))


def _match(view: View) -> layouts.Match:
    return layouts.Match(LAYOUT, next(screen for screen in LAYOUT.views if screen.view is view), (), ())


def _disc(rng: np.random.Generator, maps: Maps, *, low: float, high: float, radius: int) -> RgbImage:
    coarse = (rng.random((6, 6)) * 255).astype(np.uint8)
    field: NDArray[np.float64] = np.asarray(Image.fromarray(coarse).resize((2 * radius,) * 2, Image.Resampling.BICUBIC))
    levels = np.clip((low + (high - low) * field / 255) * 255, 0, 255).astype(np.uint8)
    along = np.arange(-radius, radius) + 0.5
    inside = np.hypot(along[:, None], along) < radius
    return np.asarray(polar.scale(maps.anchors)[levels] * inside[..., None], dtype=np.uint8)
