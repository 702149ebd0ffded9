"""Whether what stands inside genuine rings can be perfusion maps at all: cheap checks of each panel's pixels.

They refuse noise, photographs, text, grey or inverted captures and blank or repeated panels. They cannot know whether
a plausible map is the patient's. Where the limits come from: docs/adr/0020-refusals-by-pixels.md.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason
from dicom_node.layouts.layout import Layout, ViewLayout
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Panel

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Brightness of an RGB triple (ITU-R BT.601), which JPEG keeps apart from colour."""

_STEP = 4
"""Every fourth row and column is looked at."""

CHROMA = 24
"""Grey levels between a pixel's channels from which on it counts as coloured."""

LEAST_COLOURED = 0.03
"""Share of any one panel; a normal patient's difference map has little colour."""

LEAST_SPREAD = 1.5
"""Standard deviation of the brightness in a panel, grey levels."""

GREATEST_ROUGHNESS = 20.0
"""Mean step of the brightness from a sampled row to the next, grey levels: maps are smooth."""

LEAST_DIFFERENCE = 5.0
"""Mean difference of the channels of two panels, grey levels."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a panel looks like."""

    coloured: float
    """Share of pixels in colour."""
    spread: float
    """Standard deviation of the brightness."""
    roughness: float
    """Mean step of the brightness from a sampled row to the next."""
    off_scale: float
    """Share of pixels that are no colour of the layout's scale."""


def check(pixels: RgbImage, layout: Layout, screen: ViewLayout) -> None:
    """Raise Rejected (IMPLAUSIBLE) with the first thing that no perfusion map shows."""
    samples = {panel.name: sample(pixels, panel) for panel in screen.panels}
    looks = {name: look(one, layout.palette) for name, one in samples.items()}
    if np.mean([seen.coloured for seen in looks.values()]) < layout.coloured_share:
        raise Rejected(Reason.IMPLAUSIBLE, "its maps are not in colour")
    for name, seen in looks.items():
        if why := _wrong(seen, layout.palette):
            raise Rejected(Reason.IMPLAUSIBLE, f"panel {name} {why}")
    for (a, one), (b, other) in combinations(samples.items(), 2):
        if difference(one, other) < LEAST_DIFFERENCE:
            raise Rejected(Reason.IMPLAUSIBLE, f"panels {a} and {b} are the same")


def sample(pixels: RgbImage, panel: Panel) -> RgbImage:
    """Every fourth row and column of the panel's core, shape (rows, columns, 3): a circle's inscribed square."""
    left, top, right, bottom = panel.core
    return pixels[top:bottom:_STEP, left:right:_STEP]


def look(panel: RgbImage, palette: Palette) -> Look:
    """What a panel's sample looks like, beside the layout's palette."""
    bright = panel.astype(np.float32) @ LUMA
    return Look(
        coloured=float(np.mean(np.ptp(panel, axis=2) >= CHROMA)),
        spread=float(np.std(bright)),
        roughness=float(np.mean(np.abs(np.diff(bright, axis=0)))),
        off_scale=palette.off(panel),
    )


def difference(one: RgbImage, other: RgbImage) -> float:
    """Mean difference of the channels of two panels' samples, grey levels; the larger one is thinned to the other."""
    rows, columns = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    a, b = _thinned(one, rows, columns), _thinned(other, rows, columns)
    return float(np.mean(np.maximum(a, b) - np.minimum(a, b)))


def _thinned(sample: RgbImage, rows: int, columns: int) -> RgbImage:
    if sample.shape[:2] == (rows, columns):
        return sample
    ys, xs = (np.arange(n) * size // n for n, size in zip((rows, columns), sample.shape[:2], strict=True))
    return sample[np.ix_(ys, xs)]


def _wrong(seen: Look, palette: Palette) -> str:
    if seen.spread < LEAST_SPREAD:
        return "shows one colour"
    if seen.coloured < LEAST_COLOURED:
        return "is not in colour"
    if seen.off_scale > palette.off_share:
        return "has other colours than the layout's scale"
    if seen.roughness > GREATEST_ROUGHNESS:
        return "is noise"
    return ""
