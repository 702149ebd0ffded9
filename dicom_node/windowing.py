"""Grey values to what a screen shows of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.errors import Rejected
from core.types import Reason


def windowed(array: NDArray[Any], ds: Dataset) -> NDArray[np.uint8]:
    """Grey values of shape (rows, columns) as they are shown, 0 black to 255 white (PS3.3 C.11.2.1.2).

    Through the first window of the data set; without one, 8-bit values by what BitsStored can hold and 16-bit ones
    from their minimum to their maximum. Raises Rejected (UNDECODABLE) where a table or a curve stands for slope or
    window.
    """
    if "ModalityLUTSequence" in ds or ("VOILUTSequence" in ds and _window(ds) is None):
        raise Rejected(Reason.UNDECODABLE, "grey values by a lookup table")
    slope, intercept = float(ds.get("RescaleSlope") or 1), float(ds.get("RescaleIntercept") or 0)
    values = array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    low, high = _window(ds) or _full_range(array, values, ds, slope=slope, intercept=intercept)
    shown = np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255)
    grey: NDArray[np.uint8] = np.nan_to_num(np.rint(shown)).astype(np.uint8)
    return 255 - grey if _is_inverse(ds) else grey


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


def _full_range(
    array: NDArray[Any], values: NDArray[np.float32], ds: Dataset, *, slope: float, intercept: float
) -> tuple[float, float]:
    if array.dtype.itemsize > 1:
        return float(values.min()), float(values.max())
    bits = int(ds.BitsStored)
    lowest = -(2 ** (bits - 1)) if array.dtype.kind == "i" else 0
    ends = (lowest * slope + intercept, (lowest + 2**bits - 1) * slope + intercept)
    return min(ends), max(ends)


def _first(ds: Dataset, keyword: str) -> float | None:
    value = ds.get(keyword)
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float) else value[0])
