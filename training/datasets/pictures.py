"""Pictures of a data set as files: read with a sentence for what is wrong, written without metadata."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import PerfuscopeError
from core.pixels import RgbImage
from dicom_node.decode import MAX_PIXELS

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")
_PNG_LEVEL = 1


def content(path: Path) -> bytes:
    """The bytes of a file; PerfuscopeError names one that cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PerfuscopeError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None


def decoded(content: bytes, path: Path) -> RgbImage:
    """The pixels of a picture, shape (rows, columns, 3); PerfuscopeError names what is none, damaged or too large."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            warnings.simplefilter("ignore")  # Pillow's own limit only warns
            if opened.width * opened.height * 3 > MAX_PIXELS:
                raise PerfuscopeError(f"{path} has more than {MAX_PIXELS // 3_000_000} million pixels.")
            return np.asarray(opened.convert("RGB"), dtype=np.uint8)
    except UnidentifiedImageError:
        raise PerfuscopeError(f"{path} is no picture that can be read (PNG, JPEG, BMP, TIFF, GIF, WebP).") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise PerfuscopeError(f"{path} is a damaged picture.") from None


def png(pixels: RgbImage) -> bytes:
    """A PNG without metadata; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
