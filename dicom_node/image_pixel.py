"""What a header claims of its pixels (PS3.3 C.7.6.3), checked for sense before anything is decoded."""

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from core.errors import Rejected
from core.types import Reason

NATIVE_SYNTAXES = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
DCT_SYNTAXES = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})
LOSSLESS_JPEG_SYNTAXES = frozenset({JPEGLossless, JPEGLosslessSV1})
JPEG_LS_SYNTAXES = frozenset({JPEGLSLossless, JPEGLSNearLossless})
JPEG_2000_SYNTAXES = frozenset({JPEG2000Lossless, JPEG2000})
CODESTREAM_SYNTAXES = DCT_SYNTAXES | LOSSLESS_JPEG_SYNTAXES | JPEG_LS_SYNTAXES | JPEG_2000_SYNTAXES
SUPPORTED_SYNTAXES = NATIVE_SYNTAXES | {RLELossless} | CODESTREAM_SYNTAXES
"""Transfer syntaxes that can be decoded. Deflated is not among them: it unpacks before it can be measured."""

GREYS = frozenset({"MONOCHROME1", "MONOCHROME2"})
PALETTE = "PALETTE COLOR"
_COLOURS: dict[str, frozenset[UID]] = {
    "RGB": SUPPORTED_SYNTAXES,
    "YBR_FULL": SUPPORTED_SYNTAXES,
    "YBR_FULL_422": NATIVE_SYNTAXES | DCT_SYNTAXES | {RLELossless},
    "YBR_ICT": JPEG_2000_SYNTAXES,
    "YBR_RCT": JPEG_2000_SYNTAXES,
}
"""Photometric interpretations of three samples, and the syntaxes in which they mean something (PS3.5 8.2)."""


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """The Image Pixel module of a single-frame image."""

    rows: int
    columns: int
    samples: int
    bits: int
    """BitsAllocated: 8 or 16."""
    stored_bits: int
    signed: bool
    photometric: str
    syntax: UID

    @property
    def length(self) -> int:
        """Bytes of the stored values."""
        return self.rows * self.columns * self.samples * self.bits // 8

    @property
    def largest(self) -> int:
        """Bytes of the stored values, or of the RGB image that is made of them where that is larger."""
        return max(self.length, self.rows * self.columns * 3)

    @property
    def stored_length(self) -> int:
        """Bytes of the image uncompressed in the file: YBR_FULL_422 halves both chroma channels (C.7.6.3.1.2)."""
        return self.length // 3 * 2 if self.photometric == "YBR_FULL_422" else self.length

    @classmethod
    def of(cls, ds: Dataset, *, max_pixels: int) -> "ImagePixel":
        """The claims of a data set, if they agree with each other and with the length of its pixel data.

        Raises Rejected: TOO_LARGE where stored values or RGB image take over ``max_pixels`` bytes, UNKNOWN_LAYOUT for
        several frames, else UNDECODABLE; AttributeError, KeyError or ValueError for what is missing or no number.
        """
        frames = int(ds.get("NumberOfFrames") or 1)
        if frames < 1:
            raise Rejected(Reason.UNDECODABLE, "NumberOfFrames is not a positive number")
        image = cls(
            rows=_whole(ds, "Rows"),
            columns=_whole(ds, "Columns"),
            samples=_whole(ds, "SamplesPerPixel"),
            bits=_whole(ds, "BitsAllocated"),
            stored_bits=_whole(ds, "BitsStored"),
            signed=ds.get("PixelRepresentation") == 1,
            photometric=str(ds.PhotometricInterpretation),
            syntax=UID(ds.file_meta.TransferSyntaxUID),
        )
        if image.largest * frames > max_pixels:
            raise Rejected(Reason.TOO_LARGE)
        if frames != 1:
            raise Rejected(Reason.UNKNOWN_LAYOUT, "several frames")
        image._check_kind()
        if ds.get("HighBit", image.stored_bits - 1) != image.stored_bits - 1:
            raise Rejected(Reason.UNDECODABLE, "stored bits are not the lowest ones")
        image._check_length(len(ds.PixelData))
        if image.syntax in JPEG_2000_SYNTAXES and 5 * image.length + 4 * len(ds.PixelData) > 6 * max_pixels:
            raise Rejected(Reason.TOO_LARGE)  # its decoder takes four bytes a sample and copies the stream
        return image

    def _check_kind(self) -> None:
        if self.syntax not in SUPPORTED_SYNTAXES:
            raise Rejected(Reason.UNDECODABLE, "transfer syntax not supported")
        if self.samples == 1:
            known = self.photometric in GREYS or (self.photometric == PALETTE and not self.signed)
            fits = known and self.bits in {8, 16} and self.stored_bits <= self.bits
        else:
            bits = (self.samples, self.bits, self.stored_bits, self.signed)
            fits = self.syntax in _COLOURS.get(self.photometric, ()) and bits == (3, 8, 8, False)
        if not fits:
            raise Rejected(Reason.UNDECODABLE, "kind of pixels not supported")
        if self.photometric == "YBR_FULL_422" and self.syntax in NATIVE_SYNTAXES and self.columns % 2:
            raise Rejected(Reason.UNDECODABLE, "halved channels of an odd width")

    def _check_length(self, length: int) -> None:
        """Uncompressed pixels fill their element exactly but for one byte of padding; packed ones are no miracle."""
        if self.syntax in NATIVE_SYNTAXES:
            fits = length in {self.stored_length, self.stored_length + self.stored_length % 2}
        elif self.syntax == RLELossless:
            fits = length * 64 >= self.length  # a PackBits run makes at most 128 bytes of two (PS3.5 G.3)
            fits = fits and length <= _longest_packed(self.length)
        else:
            fits = 0 < length <= _longest_packed(self.length)
        if not fits:
            raise Rejected(Reason.UNDECODABLE, "pixel data length disagrees with rows and columns")


def _longest_packed(length: int) -> int:
    """No compressed image of a screen is longer than the plain one and some headers; memory is counted on that."""
    return length + length // 16 + 65536


def _whole(ds: Dataset, keyword: str) -> int:
    value = ds[keyword].value
    if not isinstance(value, int) or value < 1:
        raise Rejected(Reason.UNDECODABLE, f"{keyword} is not a positive number")
    return value
