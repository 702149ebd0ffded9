"""Cutting the kept panels out of a screen: what leaves the identified zone, and nothing else."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from PIL import Image

from core.types import RgbImage, View
from dicom_node.layouts.box import Box
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
    panels = match.screen.panels
    side = max(max(panel.tile.shape) for panel in panels)
    canvas = np.zeros((2 * side, 2 * side, 3), np.uint8)
    boxes: dict[str, Box] = {}
    for place, panel in enumerate(panels):
        rows, columns = panel.tile.shape
        left = place % 2 * side + (side - columns) // 2
        top = place // 2 * side + (side - rows) // 2
        box = Box(left, top, left + columns, top + rows)
        np.multiply(pixels[panel.tile.slices], panel.kept(), out=canvas[box.slices])
        boxes[panel.name] = box
    canvas.setflags(write=False)
    return Crop(view=match.view, pixels=canvas, boxes=MappingProxyType(boxes))
