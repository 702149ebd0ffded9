"""PALETTE COLOR: indices to red, green and blue (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node.bands import to_rgb

_CHANNELS = ("Red", "Green", "Blue")


def looked_up(index: NDArray[Any], ds: Dataset) -> RgbImage:
    """The colours of shape (rows, columns, 3) of indices of shape (rows, columns), 8 bits a channel.

    Indices outside the tables take their first or last entry. Sixteen-bit tables keep their high bytes, unless all
    their entries fit into the low ones: then their writer meant 8 bits.

    Raises Rejected (UNDECODABLE) for segmented tables and for three tables that do not belong together.
    """
    if any(f"Segmented{channel}PaletteColorLookupTableData" in ds for channel in _CHANNELS):
        raise Rejected(Reason.UNDECODABLE, "segmented palette")  # a few bytes of it unpack to gigabytes
    descriptors = [[int(n) for n in ds[f"{c}PaletteColorLookupTableDescriptor"].value] for c in _CHANNELS]
    length, first, bits = descriptors[0]
    if any(other != descriptors[0] for other in descriptors) or bits not in {8, 16}:
        raise Rejected(Reason.UNDECODABLE, "palette tables of different kinds")
    table = np.stack([_entries(ds, channel, length=length or 2**16, bits=bits) for channel in _CHANNELS], axis=-1)
    if bits == 16 and table.max() > 255:
        table >>= 8
    colours = table.astype(np.uint8)
    return to_rgb(lambda band: colours[np.clip(band.astype(np.int64) - first % 2**16, 0, len(table) - 1)], index)


def _entries(ds: Dataset, channel: str, *, length: int, bits: int) -> NDArray[np.uint16]:
    """One table. Eight-bit entries are packed two to a word, or as some write them, one."""
    element = ds[f"{channel}PaletteColorLookupTableData"]
    words = _words(element.value, big_endian=ds.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)
    if len(words) == length:
        return words
    if bits == 8 and len(words) == (length + 1) // 2:
        return words.astype("<u2").view(np.uint8)[:length].astype(np.uint16)
    raise Rejected(Reason.UNDECODABLE, "palette table of another length")


def _words(value: Any, *, big_endian: bool) -> NDArray[np.uint16]:
    """The words of a table that was OW or, as values, US."""
    if isinstance(value, bytes):
        return np.frombuffer(value, ">u2" if big_endian else "<u2").astype(np.uint16)
    return np.atleast_1d(np.asarray(value, np.uint16))
