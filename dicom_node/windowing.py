"""Grey values to what a screen shows of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node.bands import to_rgb


def windowed(array: NDArray[Any], ds: Dataset) -> RgbImage:
    """Grey values of shape (rows, columns) as they are shown, (0, 0, 0) to (255, 255, 255) (PS3.3 C.11.2.1.2).

    Through the first window of the data set; without one, 8-bit values by what BitsStored can hold and 16-bit ones
    from their minimum to their maximum. Raises Rejected (UNDECODABLE) where a table or a curve stands for slope or
    window.
    """
    if "ModalityLUTSequence" in ds or ("VOILUTSequence" in ds and _window(ds) is None):
        raise Rejected(Reason.UNDECODABLE, "grey values by a lookup table")
    slope, intercept = float(ds.get("RescaleSlope") or 1), float(ds.get("RescaleIntercept") or 0)
    low, high = _window(ds) or _full_range(array, ds, slope=slope, intercept=intercept)
    inverse = _is_inverse(ds)

    def shown(band: NDArray[Any]) -> NDArray[np.uint8]:
        values = (_scaled(band, slope, intercept) - low) * (255 / max(high - low, 1e-6))
        grey: NDArray[np.uint8] = np.nan_to_num(np.rint(np.clip(values, 0, 255))).astype(np.uint8)
        return 255 - grey if inverse else grey

    return to_rgb(shown, array)


def _scaled(array: NDArray[Any], slope: float, intercept: float) -> NDArray[np.float32]:
    """In the units of Rescale Slope and Intercept."""
    return array.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _is_inverse(ds: Dataset) -> bool:
    """Whether low values are bright; a Presentation LUT Shape has the last word (PS3.3 C.11.6)."""
    shape = ds.get("PresentationLUTShape") or None
    if shape not in {None, "IDENTITY", "INVERSE"}:
        raise Rejected(Reason.UNDECODABLE, "grey values by a lookup table")
    return str(shape or ds.PhotometricInterpretation) in {"INVERSE", "MONOCHROME1"}


def _window(ds: Dataset) -> tuple[float, float] | None:
    """First black and first white value (PS3.3 C.11.2.1.2.1, LINEAR_EXACT C.11.2.1.3.2)."""
    centre, width = _first(ds, "WindowCenter"), _first(ds, "WindowWidth")
    function = ds.get("VOILUTFunction") or "LINEAR"
    if function not in {"LINEAR", "LINEAR_EXACT"}:
        raise Rejected(Reason.UNDECODABLE, "grey values by a curve")
    if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return None
    if function == "LINEAR_EXACT":
        return centre - width / 2, centre + width / 2
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def _full_range(array: NDArray[Any], ds: Dataset, *, slope: float, intercept: float) -> tuple[float, float]:
    if array.dtype.itemsize > 1:
        ends = _scaled(np.array([array.min(), array.max()]), slope, intercept)
        return float(ends.min()), float(ends.max())
    bits = int(ds.BitsStored)
    lowest = -(2 ** (bits - 1)) if array.dtype.kind == "i" else 0
    first, last = lowest * slope + intercept, (lowest + 2**bits - 1) * slope + intercept
    return min(first, last), max(first, last)


def _first(ds: Dataset, keyword: str) -> float | None:
    value = ds.get(keyword)
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float) else value[0])
