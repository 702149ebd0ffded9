"""Cutting the kept panels out of a screen: what leaves the identified zone, and nothing else."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from PIL import Image

from core.pixels import RgbImage
from core.types import View
from dicom_node.layouts.box import Box
from dicom_node.layouts.layout import ViewLayout
from dicom_node.layouts.recognition import Match

_PNG_LEVEL = 1
"""Fast: one step of zlib costs a third of the default's time for a fifth more bytes."""


@dataclass(frozen=True, eq=False)
class Crop:
    """The panels of one screen on a black canvas of two by two tiles, in the layout's order."""

    view: View
    pixels: RgbImage = field(repr=False)
    """Square, shape (2 * tile, 2 * tile, 3), read-only; black outside the panels."""
    boxes: Mapping[str, Box]
    """Where each panel lies on the canvas, by its name."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the shape and the raw pixels, so that another PNG encoder changes nothing."""
        rows, columns, channels = self.pixels.shape
        return hashlib.sha256(f"{rows}x{columns}x{channels}:".encode() + self.pixels.tobytes()).hexdigest()

    def png(self) -> bytes:
        """The canvas as a PNG without metadata; the same pixels give the same bytes."""
        buffer = io.BytesIO()
        Image.fromarray(self.pixels).save(buffer, "PNG", compress_level=_PNG_LEVEL)
        return buffer.getvalue()


def crop(pixels: RgbImage, match: Match) -> Crop:
    """Keep the panels that the match's layout names; everything else becomes black.

    A tile is a square as wide as the longest side of the view's panels; a smaller panel lies in the middle of its own.
    A circle's side is ``2 * radius``, from ``centre - radius`` on: of its outermost column and row, one pixel each,
    nothing is kept.
    """
    side, boxes = _places(match.screen)
    canvas = np.zeros((2 * side, 2 * side, 3), np.uint8)
    for panel in match.screen.panels:
        np.multiply(pixels[panel.tile.slices], panel.kept(), out=canvas[boxes[panel.name].slices])
    canvas.setflags(write=False)
    return Crop(view=match.view, pixels=canvas, boxes=MappingProxyType(boxes))


def crop_again(canvas: RgbImage, screen: ViewLayout) -> Crop | None:
    """The crop that a kept canvas is, for the view that it was cut by; None where it is of another size."""
    side, boxes = _places(screen)
    if canvas.shape != (2 * side, 2 * side, 3):
        return None
    return Crop(view=screen.view, pixels=canvas, boxes=MappingProxyType(boxes))


def _places(screen: ViewLayout) -> tuple[int, dict[str, Box]]:
    """The side of a tile, and where each panel lies on the canvas."""
    side = max(max(panel.tile.shape) for panel in screen.panels)
    boxes: dict[str, Box] = {}
    for place, panel in enumerate(screen.panels):
        rows, columns = panel.tile.shape
        left = place % 2 * side + (side - columns) // 2
        top = place // 2 * side + (side - rows) // 2
        boxes[panel.name] = Box(left, top, left + columns, top + rows)
    return side, boxes
