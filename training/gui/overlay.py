"""Class activation maps laid over what was kept of a screen. Knows no Tk."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.types import RgbImage

_STOPS = np.array([(10, 60, 10), (30, 150, 30), (90, 255, 70), (230, 255, 200)], dtype=np.float32)
"""From little to much: dark to pale green, a hue that warm and cool colour scales both go without."""
_FAINT = 0.15
"""Below this share of the peak nothing is laid over: the network's ground level, not a place."""


def resized(crop: RgbImage, side: int) -> RgbImage:
    """A square crop at ``side`` by ``side`` pixels."""
    return np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.LANCZOS), dtype=np.uint8)


def enlarged(activation: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A small map of values from 0 to 1 at ``side`` by ``side`` pixels, smooth between its own."""
    small = Image.fromarray(np.ascontiguousarray(activation, dtype=np.float32))
    return np.clip(np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32), 0, 1)


def laid_over(picture: RgbImage, heat: NDArray[np.float32], opacity: float) -> RgbImage:
    """``picture`` under ``heat`` of the same rows and columns; with opacity 0 the picture itself."""
    share = np.clip((heat - _FAINT) / (1 - _FAINT), 0, 1)
    places = np.linspace(0, 1, len(_STOPS))
    colours = np.stack([np.interp(heat, places, _STOPS[:, channel]) for channel in range(3)], axis=-1)
    cover = (opacity * np.sqrt(share))[..., np.newaxis]
    return np.asarray(picture * (1 - cover) + colours * cover + 0.5, dtype=np.uint8)
