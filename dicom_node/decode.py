"""Pixels of a DICOM object as an RGB image, with every claim of the header checked before anything is decoded."""

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)
from rle.utils import decode_pixel_data

from core.errors import Rejected
from core.types import Reason, RgbImage
from dicom_node.windowing import windowed

MAX_PIXELS = 64_000_000

NATIVE_SYNTAXES = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
JPEG_SYNTAXES = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000Lossless, JPEG2000})
SUPPORTED_SYNTAXES = NATIVE_SYNTAXES | JPEG_SYNTAXES | {RLELossless}
"""Transfer syntaxes that can be decoded. Deflated is not among them: it unpacks before it can be measured."""

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

_COLOURS = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_GREYS = frozenset({"MONOCHROME1", "MONOCHROME2"})
_PALETTE = "PALETTE COLOR"

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


@dataclass(frozen=True, slots=True)
class _Header:
    """The Image Pixel module (PS3.3 C.7.6.3) of a single-frame image, checked for sense."""

    rows: int
    columns: int
    samples: int
    bits: int
    photometric: str
    syntax: UID

    @property
    def length(self) -> int:
        """Bytes of the decoded image."""
        return self.rows * self.columns * self.samples * self.bits // 8

    @property
    def stored_length(self) -> int:
        """Bytes of the image uncompressed in the file: YBR_FULL_422 halves both chroma channels (C.7.6.3.1.2)."""
        return self.length // 3 * 2 if self.photometric == "YBR_FULL_422" else self.length


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
            header = _header(ds, max_pixels)
            return _rgb(ds, header)
        except PYDICOM_ERRORS:
            raise Rejected(Reason.UNDECODABLE) from None


def _header(ds: Dataset, max_pixels: int) -> _Header:
    frames = int(ds.get("NumberOfFrames") or 1)
    if frames < 1:
        raise Rejected(Reason.UNDECODABLE, "NumberOfFrames is not a positive number")
    header = _Header(
        rows=_whole(ds, "Rows"),
        columns=_whole(ds, "Columns"),
        samples=_whole(ds, "SamplesPerPixel"),
        bits=_whole(ds, "BitsAllocated"),
        photometric=str(ds.PhotometricInterpretation),
        syntax=UID(ds.file_meta.TransferSyntaxUID),
    )
    if header.length * frames > max_pixels:
        raise Rejected(Reason.TOO_LARGE)
    if frames != 1:
        raise Rejected(Reason.UNKNOWN_LAYOUT, "several frames")
    _check_kind(ds, header)
    _check_length(len(ds.PixelData), header)
    return header


def _whole(ds: Dataset, keyword: str) -> int:
    value = ds[keyword].value
    if not isinstance(value, int) or value < 1:
        raise Rejected(Reason.UNDECODABLE, f"{keyword} is not a positive number")
    return value


def _check_kind(ds: Dataset, header: _Header) -> None:
    if header.syntax not in SUPPORTED_SYNTAXES:
        raise Rejected(Reason.UNDECODABLE, "transfer syntax not supported")
    stored = _whole(ds, "BitsStored")
    colour = header.photometric in _COLOURS and (header.samples, header.bits, stored) == (3, 8, 8)
    single = header.samples == 1 and header.bits in {8, 16} and stored <= header.bits
    grey = single and header.photometric in _GREYS
    palette = single and header.photometric == _PALETTE
    if not (colour or grey or palette):
        raise Rejected(Reason.UNDECODABLE, "kind of pixels not supported")
    if palette and "SegmentedRedPaletteColorLookupTableData" in ds:
        raise Rejected(Reason.UNDECODABLE, "segmented palette")  # a few bytes of it unpack to gigabytes


def _check_length(length: int, header: _Header) -> None:
    """Uncompressed pixels fill their element exactly but for one byte of padding; packed ones are no miracle."""
    if header.syntax in NATIVE_SYNTAXES:
        fits = length in {header.stored_length, header.stored_length + header.stored_length % 2}
    elif header.syntax == RLELossless:
        fits = length * 64 >= header.length  # a PackBits run makes at most 128 bytes of two (PS3.5 G.3)
    else:
        fits = length > 0
    if not fits:
        raise Rejected(Reason.UNDECODABLE, "pixel data length disagrees with rows and columns")


def _rgb(ds: Dataset, header: _Header) -> RgbImage:
    array = _array(ds, header)
    if header.photometric in _GREYS:
        return np.repeat(windowed(array, ds)[..., None], 3, axis=2)
    if header.photometric == _PALETTE:
        array = apply_color_lut(array, ds)
        array = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array
    if array.dtype != np.uint8 or array.shape != (header.rows, header.columns, 3):
        raise Rejected(Reason.UNDECODABLE, "decoded to another shape")
    return array


def _array(ds: Dataset, header: _Header) -> NDArray[Any]:
    """The stored values, colours as RGB; a view of the element's bytes where nothing had to be done."""
    if header.syntax in JPEG_SYNTAXES:
        _check_codestream(ds, header)
    source = _unpacked(ds, header) if header.syntax == RLELossless else ds
    options: dict[str, Any] = {"view_only": True}
    array, _ = get_decoder(source.file_meta.TransferSyntaxUID).as_array(source, index=0, **options)
    return array


def _unpacked(ds: Dataset, header: _Header) -> Dataset:
    """An RLE image uncompressed: its planes one after the other (PS3.5 G.2)."""
    planes = decode_pixel_data(
        get_frame(ds.PixelData, 0, number_of_frames=1),
        version=2,
        rows=header.rows,
        columns=header.columns,
        bits_allocated=header.bits,
    )
    if len(planes) != header.length:
        raise Rejected(Reason.UNDECODABLE, "pixel data length disagrees with rows and columns")
    plain = Dataset()
    for keyword in _IMAGE_PIXEL:
        setattr(plain, keyword, ds[keyword].value)
    plain.PlanarConfiguration = 1
    plain.PixelData = bytes(planes)
    if header.photometric == "YBR_FULL_422":
        plain.PhotometricInterpretation = "YBR_FULL"  # RLE has no halved channels
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return plain


def _check_codestream(ds: Dataset, header: _Header) -> None:
    """A JPEG stream has a size of its own, and the decoder believes that one."""
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    try:
        with Image.open(BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
            size = image.size
    except Image.DecompressionBombError:
        raise Rejected(Reason.TOO_LARGE) from None
    if size != (header.columns, header.rows):
        raise Rejected(Reason.UNDECODABLE, "compressed image of another size")
