"""A recognised screen painted anew: what its layout keeps, and the marks by which it is recognised, on black."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node import layouts as screens
from dicom_node.decode import decode
from dicom_node.deidentify import statement, tree
from dicom_node.layouts import Crop, Header, Layout, Match, ViewLayout
from dicom_node.prepare import header_of

_KEPT_OF_IMAGE_PIXEL = frozenset({"LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"})
_LOSSY = {
    JPEGBaseline8Bit: "ISO_10918_1",
    JPEGExtended12Bit: "ISO_10918_1",
    JPEGLSNearLossless: "ISO_14495_1",
    JPEG2000: "ISO_15444_1",
}
"""Transfer syntaxes that lose something, with their method (PS3.3 C.7.6.1.1.5.1)."""

_GROUPS_DROPPED = frozenset({0x0028, 0x0070, 0x2050, 0x5200, 0x7FE0})
"""Image pixels, palettes, windows and profiles; marks on the picture; how it is shown; frames; the pixels."""

_DROPPED = frozenset({"IconImageSequence", "PageNumberVector", "FrameLabelVector", "FramePrimaryAngleVector"})


@dataclass(frozen=True, slots=True)
class CleanScreen:
    """A screen with clean pixels and its header otherwise as it was, to be de-identified yet."""

    ds: Dataset = field(repr=False)
    pixels: RgbImage = field(repr=False)
    match: Match
    crop: Crop = field(repr=False)


def clean_screen(ds: Dataset, layouts: tuple[Layout, ...]) -> CleanScreen:
    """The screen in a new data set: 8-bit RGB, one frame, uncompressed, black but for what the layout keeps or draws.

    The result is recognised as the same view of the same layout, and its crop has the same SHA-256; that is checked
    here. Raises Rejected as ``decode`` and ``recognise`` do.
    """
    pixels, header = decode(ds), header_of(ds)
    match = screens.recognise(pixels, layouts, header)
    painted = paint(pixels, match)
    made = CleanScreen(_wrapped(ds, painted), painted, match, screens.crop(pixels, match))
    check(made, layouts, header)
    return made


def check(made: CleanScreen, layouts: tuple[Layout, ...], header: Header) -> None:
    """Raise Rejected (UNKNOWN_LAYOUT) unless the cleaned screen is, with this header, what its source was."""
    again = screens.recognise(made.pixels, layouts, header)
    same = (again.view, again.layout) == (made.match.view, made.match.layout)
    if not same or screens.crop(made.pixels, again).sha256 != made.crop.sha256:
        raise Rejected(Reason.UNKNOWN_LAYOUT, "the cleaned screen is recognised as another")


def paint(pixels: RgbImage, match: Match) -> RgbImage:
    """Black, the layout's rings and captions, and byte by byte what it keeps; nothing else of ``pixels`` goes in."""
    layout, screen = match.layout, match.screen
    canvas = np.zeros((layout.rows, layout.columns, 3), np.uint8)
    for caption in screen.captions:
        canvas[caption.box.slices][caption.template] = 255
    for panel in screen.panels:
        canvas[panel.outline(layout.ring.width)] = layout.ring.colour
    inside = kept(layout, screen)
    canvas[inside] = pixels[inside]
    return canvas


def kept(layout: Layout, screen: ViewLayout) -> NDArray[np.bool_]:
    """Which pixels of a screen are kept, shape (rows, columns): those that its crop is made of."""
    found = np.zeros((layout.rows, layout.columns), bool)
    for panel in screen.panels:
        found[panel.tile.slices] |= panel.kept()[..., 0].astype(bool)
    return found


def _wrapped(ds: Dataset, pixels: RgbImage) -> Dataset:
    made = Dataset()
    for tag in sorted(ds.keys()):
        element = tree.read(ds, tag)
        if element is None or element.keyword in _DROPPED:
            continue
        if tag.group not in _GROUPS_DROPPED or element.keyword in _KEPT_OF_IMAGE_PIXEL:
            made.add(element)
    made.SOPClassUID = SecondaryCaptureImageStorage
    kind = list(made.get("ImageType") or ())[1:2] or ["SECONDARY"]
    made.ImageType = ["DERIVED", *kind]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB"
    _tell_losses(made, ds, len(made.PixelData))
    made.file_meta = statement.file_meta(made, ExplicitVRLittleEndian)
    return made


def _tell_losses(made: Dataset, source: Dataset, length: int) -> None:
    """What was lost once stays lost: the history is kept, and begun where the source forgot it."""
    method = _LOSSY.get(source.file_meta.TransferSyntaxUID)
    if method is None or made.get("LossyImageCompression") == "01":
        return
    made.LossyImageCompression = "01"
    made.LossyImageCompressionMethod = method
    made.LossyImageCompressionRatio = f"{max(length / max(len(source.PixelData), 1), 1):.2f}"
