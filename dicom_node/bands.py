"""Large images converted band by band: what a conversion needs on the way stays small, whatever the image's size."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space

from core.pixels import RgbImage

_BAND_PIXELS = 1 << 20


def to_rgb(convert: Callable[[NDArray[Any]], NDArray[np.uint8]], array: NDArray[Any]) -> RgbImage:
    """``convert`` applied to bands of whole rows; what it gives has shape (rows, columns, 3), or (rows, columns): grey.

    It must treat every pixel by itself.
    """
    rows, columns = array.shape[:2]
    image = np.empty((rows, columns, 3), np.uint8)
    step = max(1, _BAND_PIXELS // columns)
    for top in range(0, rows, step):
        band = convert(array[top : top + step])
        image[top : top + step] = band if band.ndim == 3 else band[..., None]
    return image


def from_ybr(array: NDArray[Any]) -> RgbImage:
    """Luma and chroma of the full range to RGB (PS3.3 C.7.6.3.1.2)."""
    return to_rgb(lambda band: convert_color_space(band, "YBR_FULL", "RGB"), array)
