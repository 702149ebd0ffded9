"""What is printed on whole screens, without maps and pictures: the input of the text-only baseline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, View
from dicom_node import layouts
from dicom_node.layouts import Layout
from dicom_node.prepare import Prepared, prepare
from training.datasets import Progress
from training.evaluation.answers import Floats

_TILE = 16
_RING = 12
"""Pixels around a panel that go with it: its outline and its caption's edge."""
_COLOURED = 40
"""Difference of channels from which a pixel is coloured: lettering is grey, or thin."""
_BRIGHT = 70
_PICTURE = 0.15
"""Share of coloured pixels from which a tile of any patient's screen is a picture on everybody's."""


def of_studies(home: Path, patients: Sequence[str], *, progress: Progress | None = None) -> Floats | None:
    """Lettering of each patient's screens as ones and zeros, shape (n, places); None unless all are whole and alike.

    ``home`` holds a folder of DICOM files a patient. Panels and the name box are blanked, and so is every tile in which
    any patient shows a picture: slices and surfaces are no text. All patients must have one layout.
    """
    bits: list[NDArray[np.uint8]] = []
    pictures: NDArray[np.bool_] | None = None
    known = layouts.shipped()
    for done, patient in enumerate(patients, start=1):
        found = _screens(home / patient, known)
        if found is None:
            return None
        printed, coloured = found
        if pictures is not None and pictures.shape != coloured.shape:
            return None
        pictures = coloured if pictures is None else pictures | coloured
        bits.append(np.packbits(printed))
        if progress:
            progress(done, len(patients))
    return None if pictures is None else _varying(bits, pictures)


def _varying(bits: list[NDArray[np.uint8]], pictures: NDArray[np.bool_]) -> Floats:
    """The places outside pictures at which patients differ."""
    half = _TILE // 2
    allowed = ~pictures.repeat(half, axis=-2).repeat(half, axis=-1).ravel()
    packed = np.stack(bits)
    differing = np.bitwise_or.reduce(packed) & ~np.bitwise_and.reduce(packed)
    places = np.unpackbits(differing)[: allowed.size].astype(bool) & allowed
    return np.stack([np.unpackbits(row)[: allowed.size][places] for row in bits]).astype(np.float64)


def _screens(folder: Path, known: tuple[Layout, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    found: dict[View, Prepared] = {}
    for path in sorted(folder.glob("*.dcm")):
        try:
            prepared = prepare(path, layouts=known)
        except Rejected:
            continue
        if isinstance(prepared, Prepared):
            found[prepared.view] = prepared
    if set(found) != set(REQUIRED_VIEWS):
        return None
    pairs = [_printed(_blanked(found[view])) for view in REQUIRED_VIEWS]
    if len({pair[0].shape for pair in pairs}) != 1:
        return None
    return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


def _blanked(prepared: Prepared) -> RgbImage:
    pixels = prepared.screen_pixels.copy()
    view = next(view for view in prepared.layout.views if view.view == prepared.view)
    boxes = [panel.bounds(_RING) for panel in view.panels]
    if prepared.layout.identity_box is not None:
        boxes.append(prepared.layout.identity_box)
    for box in boxes:
        pixels[max(box.top, 0) : box.bottom, max(box.left, 0) : box.right] = 0
    return pixels[: len(pixels) // _TILE * _TILE, : pixels.shape[1] // _TILE * _TILE]


def _printed(pixels: RgbImage) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where half the screen's resolution is bright, and for each tile and its neighbours whether it is a picture."""
    rows, columns = pixels.shape[0], pixels.shape[1]
    grey = pixels.max(axis=2).reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    coloured = (pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)) > _COLOURED
    share = coloured.reshape(rows // _TILE, _TILE, columns // _TILE, _TILE).mean(axis=(1, 3))
    padded = np.pad(share > _PICTURE, 1)
    near = [padded[i : i + share.shape[0], j : j + share.shape[1]] for i in range(3) for j in range(3)]
    return grey > _BRIGHT, np.logical_or.reduce(near)
