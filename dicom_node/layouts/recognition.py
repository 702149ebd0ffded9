"""Knowing a screen: what its header says, the outlines around its panels, and its fixed captions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node.layouts import plausibility
from dicom_node.layouts.box import Box
from dicom_node.layouts.caption import Caption, jaccard
from dicom_node.layouts.criteria import Header
from dicom_node.layouts.layout import Layout, ViewLayout
from dicom_node.layouts.panel import Panel, Ring
from dicom_node.layouts.plausibility import LUMA


@dataclass(frozen=True, slots=True)
class Match:
    """A layout's view beside an image: how well they agree, part by part."""

    layout: Layout
    screen: ViewLayout
    ring_scores: tuple[float, ...]
    """Share of outline pixels in the outline's colour, 0 to 1, by panel."""
    caption_scores: tuple[float, ...]
    """Jaccard index, 0 to 1, by caption."""
    unmet: tuple[str, ...] = ()
    """The header criteria that do not fit, by keyword."""

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
    def ring_score(self) -> float:
        """The worst outline's."""
        return min(self.ring_scores)

    @property
    def caption_score(self) -> float:
        """The worst caption's."""
        return min(self.caption_scores)

    @property
    def agrees(self) -> bool:
        """Whether the header fits and every outline and every caption reaches what the layout asks for."""
        captions = zip(self.caption_scores, self.screen.captions, strict=True)
        read = all(score >= caption.agreement for score, caption in captions)
        return not self.unmet and read and self.ring_score >= self.layout.ring.share


def recognise(pixels: RgbImage, layouts: Iterable[Layout], header: Header | None = None) -> Match:
    """The one view that the image shows: of the layouts that agree, the most specific one's.

    ``header`` has attributes as text by keyword; None, for a picture without one: criteria are not asked.

    Raises Rejected: WRONG_SIZE if no layout has the image's size, UNKNOWN_LAYOUT if none agrees, if several
    agree with equal right; IMPLAUSIBLE if what it shows there cannot be maps.
    """
    found = compare(pixels, layouts, header)
    if not found:
        rows, columns = pixels.shape[:2]
        raise Rejected(Reason.WRONG_SIZE, f"{columns} x {rows}")
    agreeing = [match for match in found if match.agrees]
    if not agreeing:
        raise Rejected(Reason.UNKNOWN_LAYOUT, _closest(found))
    highest = max(match.layout.specificity for match in agreeing)
    best = [match for match in agreeing if match.layout.specificity == highest]
    if len(best) > 1:
        raise Rejected(Reason.UNKNOWN_LAYOUT, f"{len(best)} layouts agree")
    plausibility.check(pixels, best[0].layout, best[0].screen)
    return best[0]


def compare(pixels: RgbImage, layouts: Iterable[Layout], header: Header | None = None) -> tuple[Match, ...]:
    """Every view of every layout of the image's size beside the image, in the layouts' order."""
    size = pixels.shape[:2]
    sized = (layout for layout in layouts if (layout.rows, layout.columns) == size)
    return tuple(_compare(pixels, layout, screen, header) for layout in sized for screen in layout.views)


def closest(found: Iterable[Match]) -> Match:
    """The one that agrees best with the pixels."""
    return max(found, key=lambda match: min(match.ring_score, match.caption_score))


def caption_bits(pixels: RgbImage, box: Box, *, lit_from: int = 96) -> str:
    """The lit pixels of a box as ``Caption.bits``: how a template is taken from a screen."""
    return np.packbits(_lit(pixels, box, lit_from)).tobytes().hex()


def ring_score(pixels: RgbImage, panel: Panel, ring: Ring) -> float:
    """Share of the pixels around a panel that have the outline's colour."""
    off = pixels[panel.outline(ring.width)].astype(np.float32) - np.array(ring.colour, np.float32)
    bright = np.abs(off @ LUMA) <= ring.tolerance
    return float(np.mean(bright & (np.abs(off).max(axis=1) <= ring.channel_tolerance)))


def _compare(pixels: RgbImage, layout: Layout, screen: ViewLayout, header: Header | None) -> Match:
    return Match(
        layout=layout,
        screen=screen,
        ring_scores=tuple(ring_score(pixels, panel, layout.ring) for panel in screen.panels),
        caption_scores=tuple(_caption_score(pixels, caption) for caption in screen.captions),
        unmet=layout.criteria.unmet(header),
    )


def _closest(found: tuple[Match, ...]) -> str:
    best = closest(found)
    scores = f"rings {best.ring_score:.2f}, caption {best.caption_score:.2f}"
    header = f", header differs in {', '.join(best.unmet)}" if best.unmet else ""
    return f"closest is {best.view} of {best.name}: {scores}{header}"


def _caption_score(pixels: RgbImage, caption: Caption) -> float:
    return jaccard(_lit(pixels, caption.box, caption.lit_from), _template(caption))


def _lit(pixels: RgbImage, box: Box, lit_from: int) -> NDArray[np.bool_]:
    brightest: NDArray[np.uint8] = pixels[box.slices].max(axis=2)
    return brightest >= lit_from


@lru_cache(maxsize=64)
def _template(caption: Caption) -> NDArray[np.bool_]:
    return caption.template
