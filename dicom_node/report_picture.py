"""A stored report page as a picture: ``python -m dicom_node.report_picture FILE SHA256`` writes PNG to stdout.

A process of its own, so that whoever shows the picture loads no DICOM. Its exit codes say why there is none; it prints
nothing else, since an error's text may quote the report.
"""

import hashlib
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from core.pictures import NoPicture

_MAX_BYTES = 64 * 2**20


def picture(path: Path, sha256: str) -> bytes:
    """The report's page as PNG. Raises SystemExit with the code that says why there is none."""
    try:
        data = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
    except OSError:
        raise SystemExit(NoPicture.MISSING) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SystemExit(NoPicture.CHANGED)
    try:
        return _png(data)
    except (InvalidDicomError, AttributeError, KeyError, TypeError, ValueError, OSError):
        raise SystemExit(NoPicture.UNREADABLE) from None


def _png(data: bytes) -> bytes:
    """Our own pages are RGB, 8 bits, not compressed (``dicom_node.report``); nothing else is drawn."""
    ds = dcmread(BytesIO(data))
    if (ds.PhotometricInterpretation, ds.BitsAllocated, ds.PlanarConfiguration) != ("RGB", 8, 0):
        raise ValueError("not a report page")
    size = int(ds.Columns), int(ds.Rows)
    buffer = BytesIO()
    Image.frombytes("RGB", size, ds.PixelData[: size[0] * size[1] * 3]).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(picture(Path(sys.argv[1]), sys.argv[2]))
