"""From a crop to the tensor the network reads: the one function that serving and training share."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.pixels import RgbImage

PREPROCESSING_VERSION = "1"
"""Changes whenever a pixel of the tensor could change; an artifact names the version it was trained with."""

SIZE = 224
"""Rows and columns of the tensor."""


def to_tensor(crop: RgbImage) -> NDArray[np.float32]:
    """The tensor of a crop of any size: shape (224, 224, 3), values from -1 to 1 (``x / 127.5 - 1``)."""
    return scale(resize(crop))


def resize(crop: RgbImage) -> RgbImage:
    """The crop at 224 x 224, antialiased when it shrinks; ValueError unless (rows, columns, 3) of 8 bits."""
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
        raise ValueError(f"a crop has shape (rows, columns, 3) and 8 bits, not {crop.shape} of {crop.dtype}")
    small = Image.fromarray(crop).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)


def scale(pixels: RgbImage) -> NDArray[np.float32]:
    """8-bit values as 32-bit floats from -1 to 1; the shape stays, one image or many."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
