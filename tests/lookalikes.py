"""Small crops that look like those of MPI screens and cost a millisecond: smooth maps in a layout's colours."""

from functools import lru_cache
from types import MappingProxyType

import numpy as np
from PIL import Image

from core.maps import Maps
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, View
from dicom_node import layouts
from models import polar
from models.crop import CropInput
from models.preprocess import SIZE

LAYOUT = next(layout for layout in layouts.shipped() if layout.name == "qps-qgs-1280")


def patient(rng: np.random.Generator) -> dict[View, CropInput]:
    """The crops of one patient as the shipped layout would cut them, at the size of the tensor, with their maps."""
    return {view: crop(rng, view) for view in REQUIRED_VIEWS}


def crop(rng: np.random.Generator, view: View) -> CropInput:
    """A crop with every panel filled with smooth values, as warm as that panel usually is."""
    maps = _maps(view)
    pixels = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    for name, (column, row, radius) in maps.circles.items():
        low, high = (
            (0.0, 0.25) if name == "difference" else (0.35, 0.7) if name in {"motion", "thickening"} else (0.6, 1)
        )
        box = np.s_[row - radius : row + radius, column - radius : column + radius]
        pixels[box] = _disc(rng, maps, low=low, high=high, radius=radius)
    return CropInput(pixels, maps)


@lru_cache(maxsize=3)
def _maps(view: View) -> Maps:
    screen = next(screen for screen in LAYOUT.views if screen.view is view)
    cut = layouts.crop(np.zeros((1024, 1280, 3), np.uint8), layouts.Match(LAYOUT, screen, (), ()))
    whole, share = layouts.maps_of(cut, LAYOUT), SIZE / cut.pixels.shape[0]
    circles = {name: (int(x * share), int(y * share), int(r * share) - 1) for name, (x, y, r) in whole.circles.items()}
    return Maps(whole.anchors, MappingProxyType(circles))


def _disc(rng: np.random.Generator, maps: Maps, *, low: float, high: float, radius: int) -> RgbImage:
    coarse = Image.fromarray((rng.random((6, 6)) * 255).astype(np.uint8))
    field = np.asarray(coarse.resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC), dtype=np.float64)
    levels = np.clip((low + (high - low) * field / 255) * 255, 0, 255).astype(np.intp)
    along = np.arange(-radius, radius) + 0.5
    inside = np.hypot(along[:, None], along) < radius
    return np.asarray(polar.scale(maps.anchors)[levels] * inside[..., None], dtype=np.uint8)
