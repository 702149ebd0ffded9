"""Screens in files that somebody names: DICOM, or a plain PNG or JPEG picture."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node import header, prepare
from dicom_node.decode import MAX_PIXELS, decode
from dicom_node.layouts import Header


@dataclass(frozen=True, slots=True)
class Screen:
    """An image, and what layouts may ask of its header; a plain picture has none."""

    pixels: RgbImage = field(repr=False)
    """Shape (rows, columns, 3)."""
    header: Header | None = field(repr=False)


def read(file: Path) -> Screen:
    """The screen in a file. Rejected says why there is none."""
    if not is_dicom(file):
        return Screen(image(file), None)
    if not may_be_screen(file):
        raise Rejected(Reason.NO_SCREENS, "not a Secondary Capture")
    ds = prepare.read(file)
    return Screen(decode(ds), prepare.header_of(ds))


def is_dicom(file: Path) -> bool:
    """Whether the file says that it is DICOM (PS3.10 7.1)."""
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def may_be_screen(file: Path) -> bool:
    """Whether the file is worth a look; one that cannot be read is, so that it is refused with its reason."""
    try:
        return prepare.is_candidate(header.read(file).sop_class_uid)
    except header.UnparsableObject:
        return True


def image(file: Path) -> RgbImage:
    """The pixels of a PNG or JPEG file, shape (rows, columns, 3)."""
    try:
        with warnings.catch_warnings(), Image.open(file, formats=("PNG", "JPEG")) as opened:
            warnings.simplefilter("ignore")  # Pillow's own limit only warns
            if opened.width * opened.height * 3 > MAX_PIXELS:
                raise Rejected(Reason.TOO_LARGE)
            return np.asarray(opened.convert("RGB"), dtype=np.uint8)
    except UnidentifiedImageError:
        raise Rejected(Reason.UNDECODABLE, "neither DICOM nor PNG nor JPEG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise Rejected(Reason.UNDECODABLE, "a damaged image") from None
