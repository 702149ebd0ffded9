"""The copies of a crop that texts are looked for on. Each shows what another hides; docs/adr/0029 has the figures."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from core.pixels import RgbImage
from dicom_node.layouts import Crop
from dicom_node.textcheck.flattening import Flat, Floats, exact, residual

_WINDOW = 9
"""Of the local median: wider than a stroke of an 18 pixel font, narrower than what a map shows."""

_GAINS = {True: (25.0, 10.0, 6.0), False: (3.0, 6.0, 6.0)}
"""Amplification of distance off the scale, level and brightness; by whether the colours are exact."""


def raw(crop: Crop, _flats: Iterable[Flat]) -> RgbImage:
    """As it is stored."""
    return crop.pixels


def lifted(crop: Crop, _flats: Iterable[Flat]) -> RgbImage:
    """With a gamma of 0.25: what stands dark on black becomes bright."""
    return _LIFT[crop.pixels]


def inverted(crop: Crop, _flats: Iterable[Flat]) -> RgbImage:
    """Dark for light."""
    return 255 - crop.pixels


def flat(crop: Crop, flats: Iterable[Flat]) -> RgbImage:
    """Without the map: red shows what lies off the scale, green and blue what stands out in level and brightness."""
    panels = tuple(flats)
    gains = _GAINS[exact(panels)]
    canvas = np.full(crop.pixels.shape, 128, np.uint8)
    canvas[..., 0] = 0
    for panel in panels:
        shown = _amplified(panel, gains)
        shown[~panel.kept] = (0, 128, 128)
        canvas[panel.box.slices] = shown
    return canvas


def _amplified(panel: Flat, gains: tuple[float, float, float]) -> RgbImage:
    off, level, bright = gains
    channels: list[Floats] = [
        off * panel.off,
        128 + level * residual(panel.level, window=_WINDOW),
        128 + bright * residual(panel.bright, window=_WINDOW),
    ]
    return np.clip(np.stack(channels, axis=2), 0, 255).astype(np.uint8)


_LIFT = np.rint(255 * (np.arange(256) / 255) ** 0.25).astype(np.uint8)

COPIES: Mapping[str, Callable[[Crop, Iterable[Flat]], RgbImage]] = MappingProxyType(
    {"raw": raw, "lifted": lifted, "inverted": inverted, "flat": flat}
)
"""By the name that a record keeps."""
