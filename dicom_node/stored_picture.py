"""A received object as a picture: ``python -m dicom_node.stored_picture FILE`` writes its pixels as PNG to stdout.

A process of its own, so that whoever shows the picture loads no DICOM and survives what a hostile object does. Its exit
codes say why there is none; it prints nothing else, since an error's text may quote the object.
"""

import sys
import warnings
from io import BytesIO
from pathlib import Path

from PIL import Image
from pydicom import dcmread

from core.errors import Rejected
from core.pictures import NoPicture
from dicom_node.decode import PYDICOM_ERRORS, decode

_MAX_BYTES = 256 * 2**20
_MAX_PIXELS = 16_000_000


def picture(path: Path) -> bytes:
    """The object's pixels as PNG. Raises SystemExit with the code that says why there is none."""
    try:
        size = path.stat().st_size
    except OSError:
        raise SystemExit(NoPicture.MISSING) from None
    if size > _MAX_BYTES:
        raise SystemExit(NoPicture.UNREADABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            pixels = decode(dcmread(path), max_pixels=_MAX_PIXELS)
        except (Rejected, *PYDICOM_ERRORS):
            raise SystemExit(NoPicture.UNREADABLE) from None
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(picture(Path(sys.argv[1])))
