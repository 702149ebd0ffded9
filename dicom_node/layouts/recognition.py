"""Knowing a screen from its pixels: the rings around its panels and its fixed captions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.errors import Rejected
from core.types import Reason, RgbImage, View
from dicom_node.layouts import plausibility
from dicom_node.layouts.layout import Box, Caption, Layout, Panel, Ring, ViewLayout, jaccard
from dicom_node.layouts.plausibility import LUMA


@dataclass(frozen=True, slots=True)
class Match:
    """The layout and view that an image agrees with, and how well: the worst ring and the worst caption."""

    layout: Layout
    screen: ViewLayout
    ring_score: float
    caption_score: float

    @property
    def view(self) -> View:
        """The view that the pixels show."""
        return self.screen.view

    @property
    def name(self) -> str:
        """The layout's name."""
        return self.layout.name

    @property
    def version(self) -> int:
        """The layout's version."""
        return self.layout.version

    @property
    def agrees(self) -> bool:
        """Whether every ring and every caption reach what the layout asks for."""
        captions = min(caption.agreement for caption in self.screen.captions)
        return self.ring_score >= self.layout.ring.share and self.caption_score >= captions


def recognise(pixels: RgbImage, layouts: Iterable[Layout]) -> Match:
    """The one view that the image shows, by rank.

    Raises Rejected: WRONG_SIZE if no layout has the image's size, UNKNOWN_LAYOUT if none agrees, if several
    agree with equal right; IMPLAUSIBLE if what it shows there cannot be maps.
    """
    rows, columns = pixels.shape[:2]
    sized = [layout for layout in layouts if (layout.rows, layout.columns) == (rows, columns)]
    if not sized:
        raise Rejected(Reason.WRONG_SIZE, f"{columns} x {rows}")
    found = [_compare(pixels, layout, screen) for layout in sized for screen in layout.views]
    agreeing = [match for match in found if match.agrees]
    if not agreeing:
        raise Rejected(Reason.UNKNOWN_LAYOUT, _closest(found))
    highest = max(match.layout.rank for match in agreeing)
    best = [match for match in agreeing if match.layout.rank == highest]
    if len(best) > 1:
        raise Rejected(Reason.UNKNOWN_LAYOUT, f"{len(best)} layouts agree")
    plausibility.check(pixels, best[0].layout, best[0].screen)
    return best[0]


def caption_bits(pixels: RgbImage, box: Box, *, lit_from: int = 96) -> str:
    """The lit pixels of a box as ``Caption.bits``: how a template is taken from a screen."""
    return np.packbits(_lit(pixels, box, lit_from)).tobytes().hex()


def _compare(pixels: RgbImage, layout: Layout, screen: ViewLayout) -> Match:
    rings = min(_ring_score(pixels, panel, layout.ring) for panel in screen.panels)
    captions = min(_caption_score(pixels, caption) for caption in screen.captions)
    return Match(layout=layout, screen=screen, ring_score=rings, caption_score=captions)


def _closest(found: list[Match]) -> str:
    best = max(found, key=lambda match: min(match.ring_score, match.caption_score))
    scores = f"rings {best.ring_score:.2f}, caption {best.caption_score:.2f}"
    return f"closest is {best.view} of {best.name}: {scores}"


def _ring_score(pixels: RgbImage, panel: Panel, ring: Ring) -> float:
    ys, xs = _ring_pixels(panel.radius, ring.width)
    cx, cy = panel.centre
    off = pixels[ys + cy, xs + cx].astype(np.float32) - np.array(ring.colour, np.float32)
    bright = np.abs(off @ LUMA) <= ring.tolerance
    return float(np.mean(bright & (np.abs(off).max(axis=1) <= ring.channel_tolerance)))


def _caption_score(pixels: RgbImage, caption: Caption) -> float:
    return jaccard(_lit(pixels, caption.box, caption.lit_from), _template(caption))


def _lit(pixels: RgbImage, box: Box, lit_from: int) -> NDArray[np.bool_]:
    brightest: NDArray[np.uint8] = pixels[box.slices].max(axis=2)
    return brightest >= lit_from


@lru_cache(maxsize=64)
def _template(caption: Caption) -> NDArray[np.bool_]:
    return caption.template


@lru_cache(maxsize=64)
def _ring_pixels(radius: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    reach = radius + width
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    squared = dx * dx + dy * dy
    ys, xs = np.nonzero((squared > radius * radius) & (squared <= reach * reach))
    return ys - reach, xs - reach
