"""Pixels of a DICOM object as an RGB image, with every claim of the header checked before anything is decoded."""

import struct
import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, RLELossless
from rle.utils import decode_pixel_data

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node.bands import from_ybr
from dicom_node.decompress import decompressed
from dicom_node.image_pixel import CODESTREAM_SYNTAXES, GREYS, PALETTE, SUPPORTED_SYNTAXES, ImagePixel
from dicom_node.palette import looked_up
from dicom_node.windowing import windowed

__all__ = ["MAX_PIXELS", "PYDICOM_ERRORS", "SUPPORTED_SYNTAXES", "decode"]

MAX_PIXELS = 64_000_000

PYDICOM_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # also RecursionError and NotImplementedError
    TypeError,
    ValueError,  # also UnicodeError
    BytesLengthException,
    InvalidDicomError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on hostile or damaged input. Its texts quote attribute values: never pass them on."""

_IMAGE_PIXEL = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def decode(ds: Dataset, *, max_pixels: int = MAX_PIXELS) -> RgbImage:
    """The image as an array of shape (rows, columns, 3), 8 bits a channel; it may be read-only.

    Grey images are windowed by VOI, else 16-bit ones stretched from their minimum to their maximum. ``max_pixels``
    is compared with Rows x Columns x Frames x Samples per Pixel x bytes a sample.

    Raises Rejected: TOO_LARGE, UNKNOWN_LAYOUT for several frames, UNDECODABLE for everything else; its text never
    carries a value of the data set.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            return _rgb(ds, ImagePixel.of(ds, max_pixels=max_pixels))
        except PYDICOM_ERRORS:
            raise Rejected(Reason.UNDECODABLE) from None


def _rgb(ds: Dataset, image: ImagePixel) -> RgbImage:
    array = _array(ds, image)
    if array.shape[:2] != (image.rows, image.columns):
        raise Rejected(Reason.UNDECODABLE, "decoded to another shape")
    if image.photometric in GREYS:
        return windowed(_as_stored(array, image), ds)
    if image.photometric == PALETTE:
        array = looked_up(_as_stored(array, image), ds)
    if array.dtype != np.uint8 or array.shape != (image.rows, image.columns, 3):
        raise Rejected(Reason.UNDECODABLE, "decoded to another shape")
    return array


def _as_stored(array: NDArray[Any], image: ImagePixel) -> NDArray[Any]:
    """The lowest BitsStored bits as numbers, with a sign if they have one; the others may hold an overlay."""
    kind = np.dtype(f"{'i' if image.signed else 'u'}{image.bits // 8}")
    unused = image.bits - image.stored_bits
    values = array.astype(kind, copy=False)
    return values if not unused else (values << unused) >> unused


def _array(ds: Dataset, image: ImagePixel) -> NDArray[Any]:
    """The stored values, colours as RGB; a view of the element's bytes where nothing had to be done."""
    if image.syntax in CODESTREAM_SYNTAXES:
        return decompressed(get_frame(ds.PixelData, 0, number_of_frames=1), image)
    source = _unpacked(ds, image) if image.syntax == RLELossless else ds
    options: dict[str, Any] = {
        "view_only": True,
        "raw": True,
    }  # colours as stored: pydicom's way takes ten times as much
    array, _ = get_decoder(source.file_meta.TransferSyntaxUID).as_array(source, index=0, **options)
    return from_ybr(array) if image.photometric.startswith("YBR") else array


def _unpacked(ds: Dataset, image: ImagePixel) -> Dataset:
    """An RLE image uncompressed: its planes one after the other (PS3.5 G.2)."""
    planes = _planes(get_frame(ds.PixelData, 0, number_of_frames=1), image)
    if len(planes) != image.length:
        raise Rejected(Reason.UNDECODABLE, "pixel data length disagrees with rows and columns")
    plain = Dataset()
    for keyword in _IMAGE_PIXEL:
        setattr(plain, keyword, ds[keyword].value)
    plain.PlanarConfiguration = 1
    plain.PixelData = planes
    if image.photometric == "YBR_FULL_422":
        plain.PhotometricInterpretation = "YBR_FULL"  # RLE has no halved channels
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return plain


def _planes(frame: bytes, image: ImagePixel) -> bytes:
    try:
        planes = decode_pixel_data(frame, version=2, rows=image.rows, columns=image.columns, bits_allocated=image.bits)
    except BaseException as error:
        if type(error).__module__ == "pyo3_runtime":  # the decoder's PanicException, which is no Exception
            raise Rejected(Reason.UNDECODABLE) from None
        raise
    return bytes(planes)
