"""Pixels of a scanner's own images: kept to the last stored bit where nothing but the acquisition can be in them."""

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.decode import MAX_PIXELS
from dicom_node.deidentify import statement
from dicom_node.deidentify.refusal import Refusal, refused
from dicom_node.image_pixel import GREYS

_OTHER_PICTURES = frozenset({"FloatPixelData", "DoubleFloatPixelData"})
"""None of the classes that are exported may have them, and nobody looks at them."""

_PLAIN = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian})


def retain_pixels(ds: Dataset) -> Dataset:
    r"""A data set with the same stored values, without what may hide beside them: unused bits, bytes after the end.

    Raises Rejected (NOT_EXPORTABLE) unless the image says ORIGINAL\PRIMARY, is plain grey and uncompressed, has as
    many bytes as its header says, and shows no sign of a screen capture. An incoming BurnedInAnnotation YES is
    believed, NO is not.
    """
    if [str(value) for value in ds.get("ImageType") or ()][:2] != ["ORIGINAL", "PRIMARY"]:
        raise refused(Refusal.NOT_ORIGINAL)
    if str(ds.get("BurnedInAnnotation") or "").strip() == "YES":
        raise refused(Refusal.BURNED_IN)
    if any(ds.get(keyword) for keyword in ("ConversionType", "SecondaryCaptureDeviceManufacturer")):
        raise refused(Refusal.NOT_ORIGINAL)
    made = Dataset()
    for tag in ds.keys():  # noqa: SIM118 - iterating a data set converts its values
        if keyword_for_tag(tag) not in _OTHER_PICTURES:
            made[tag] = ds.get_item(tag)
    made.file_meta = statement.file_meta(ds, ExplicitVRLittleEndian)
    stored = _stored(ds)
    made.PixelData = stored.tobytes() + bytes(stored.nbytes % 2)
    made["PixelData"].VR = "OW" if stored.itemsize > 1 else "OB"
    return made


def frames(ds: Dataset) -> NDArray[np.generic]:
    """The stored values, shape (frames, rows, columns)."""
    return _stored(ds).reshape(-1, int(ds.Rows), int(ds.Columns))


def _stored(ds: Dataset) -> NDArray[np.generic]:
    """All values in one row, the unused bits of each zero or, under a sign, its copies."""
    if ds.file_meta.TransferSyntaxUID not in _PLAIN:
        raise refused(Refusal.SYNTAX)
    bits, used = int(ds.BitsAllocated), int(ds.BitsStored)
    grey = int(ds.SamplesPerPixel) == 1 and ds.PhotometricInterpretation in GREYS
    if not grey or bits not in {8, 16} or not 0 < used <= bits or int(ds.HighBit) != used - 1:
        raise refused(Refusal.NO_PLAIN_PIXELS)
    count = int(ds.Rows) * int(ds.Columns) * int(ds.get("NumberOfFrames") or 1)
    length = count * bits // 8
    if not 0 < length <= 2 * MAX_PIXELS or len(ds.PixelData) != length + length % 2:
        raise refused(Refusal.NO_PLAIN_PIXELS)
    kind = np.dtype(f"<{'i' if ds.PixelRepresentation else 'u'}{bits // 8}")
    values = np.frombuffer(ds.PixelData, kind, count=count)
    return values if used == bits else _own_bits(values, bits - used)


def _own_bits(values: NDArray[np.generic], unused: int) -> NDArray[np.generic]:
    """Values whose unused bits are in order stay; others lose what is in them (an overlay, in old images)."""
    shifted: NDArray[np.generic] = (values << unused) >> unused  # type: ignore[operator] # generic has no shift
    mask = (1 << (values.itemsize * 8 - unused)) - 1
    plain = values & mask  # type: ignore[operator] # see above
    return values if np.array_equal(values, plain) or np.array_equal(values, shifted) else shifted
