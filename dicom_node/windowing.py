"""Grey values to what a screen shows of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset


def windowed(array: NDArray[Any], ds: Dataset) -> NDArray[np.uint8]:
    """Grey values of shape (rows, columns) as they are shown, 0 black to 255 white (PS3.3 C.11.2.1.2.1).

    Through the first window of the data set; without one 8-bit values stay and 16-bit ones are stretched from their
    minimum to their maximum. Tables (VOI LUT Sequence) are not applied.
    """
    slope, intercept = float(ds.get("RescaleSlope") or 1), float(ds.get("RescaleIntercept") or 0)
    values = array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    low, high = _window(ds) or _full_range(array, values)
    shown = np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255)
    grey: NDArray[np.uint8] = np.nan_to_num(np.rint(shown)).astype(np.uint8)
    return 255 - grey if ds.PhotometricInterpretation == "MONOCHROME1" else grey


def _window(ds: Dataset) -> tuple[float, float] | None:
    centre, width = _first(ds, "WindowCenter"), _first(ds, "WindowWidth")
    if centre is None or width is None or width < 1:
        return None
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def _full_range(array: NDArray[Any], values: NDArray[np.float32]) -> tuple[float, float]:
    if array.dtype == np.uint8:
        return 0, 255
    return float(values.min()), float(values.max())


def _first(ds: Dataset, keyword: str) -> float | None:
    value = ds.get(keyword)
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float) else value[0])
