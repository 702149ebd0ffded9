"""Measuring an example screen: the outline's colour and width, a caption's template, the colour scale."""

from collections.abc import Iterable

import numpy as np

from core.pixels import RgbImage
from dicom_node.layouts.box import Box
from dicom_node.layouts.caption import Caption
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Panel, Ring
from dicom_node.layouts.recognition import caption_bits, ring_score

_TOLERANCE, _CHANNEL_TOLERANCE = 24, 90
"""What JPEG of quality 60 leaves of an outline's brightness and colour."""
_SHARE = 0.85
_WIDEST = 8
_STANDS_OUT = 32
"""Grey levels between a caption and its ground."""
_AGREEMENT = 0.75
_SCALE_LEVELS = 17


def ring(pixels: RgbImage, panels: Iterable[Panel]) -> Ring:
    """The outline that all panels have; LayoutError names a panel without one, or if it does not fix their place."""
    panels = tuple(panels)
    for panel in panels:
        if not panel.bounds(1).inside(*pixels.shape[:2]):
            raise LayoutError(f"panel {panel.name} and its outline do not lie inside the image")
    red, green, blue = (int(c) for c in np.median(np.concatenate([pixels[p.outline(1)] for p in panels]), axis=0))
    measured = _widest(pixels, panels, (red, green, blue))
    own, shifted = _worst(pixels, panels, measured), _worst_shifted(pixels, panels, measured)
    if own - shifted < 0.1:
        raise LayoutError("the outline looks the same one pixel off: choose panels with a ring or frame around them")
    share = _SHARE if shifted < _SHARE <= own else round((own + shifted) / 2, 2)
    return Ring((red, green, blue), measured.width, _TOLERANCE, _CHANNEL_TOLERANCE, max(share, 0.5))


def _widest(pixels: RgbImage, panels: tuple[Panel, ...], colour: tuple[int, int, int]) -> Ring:
    found = None
    for width in range(1, _WIDEST + 1):
        tried = Ring(colour, width, _TOLERANCE, _CHANNEL_TOLERANCE, _SHARE)
        fits = all(panel.bounds(width).inside(*pixels.shape[:2]) for panel in panels)
        if not fits or _worst(pixels, panels, tried) < _SHARE:
            break
        found = tried
    if found is None:
        raise LayoutError(
            "the panels have no outline of one colour: a layout is known by the ring or frame around each"
        )
    return found


def _worst(pixels: RgbImage, panels: tuple[Panel, ...], outline: Ring) -> float:
    return min(ring_score(pixels, panel, outline) for panel in panels)


def _worst_shifted(pixels: RgbImage, panels: tuple[Panel, ...], outline: Ring) -> float:
    ways = ((0, 1), (0, -1), (1, 0), (-1, 0))
    return max(_worst(np.roll(pixels, way, axis=(0, 1)), panels, outline) for way in ways)


def caption(pixels: RgbImage, box: Box, *, like: Iterable[Caption] = ()) -> Caption:
    """The template of the fixed text in a box, lit halfway between text and ground.

    One of ``like`` in the same box gives its threshold: only so can two captions exclude each other. Raises
    LayoutError for a box outside the image and where no bright text stands on a dark ground.
    """
    if not box.inside(*pixels.shape[:2]):
        raise LayoutError("the caption's box must be left,top,right,bottom inside the image")
    bright = pixels[box.slices].max(axis=2)
    ground, text = float(np.median(bright)), float(bright.max())
    if text - ground < _STANDS_OUT:
        raise LayoutError("no bright text on a dark ground in the caption's box")
    thresholds = [other.lit_from for other in like if other.box == box]
    lit_from = thresholds[0] if thresholds else max(round((ground + text) / 2), 1)
    return Caption(box, lit_from, _AGREEMENT, caption_bits(pixels, box, lit_from=lit_from))


def palette(pixels: RgbImage, box: Box) -> Palette:
    """The colours of a scale in a box, lengthwise; of its ends the darker one is level 0."""
    if not box.inside(*pixels.shape[:2]) or max(box.shape) < _SCALE_LEVELS:
        raise LayoutError(f"the scale's box must lie inside the image and be {_SCALE_LEVELS} pixels long")
    rows, columns = box.shape
    colours = np.median(pixels[box.slices], axis=0 if columns >= rows else 1)
    if colours[0].sum() > colours[-1].sum():
        colours = colours[::-1]
    levels = np.linspace(0, 255, _SCALE_LEVELS).round().astype(int)
    chosen = colours[(levels / 255 * (len(colours) - 1)).round().astype(int)].astype(int)
    anchors = [(int(level), int(r), int(g), int(b)) for level, (r, g, b) in zip(levels, chosen, strict=True)]
    return Palette(tuple(anchors), tolerance=24, off_share=0.1)
