"""Panels that a hand pointed at on a screen: nobody draws to the pixel, so each is laid on the outlined map it is near.

A layout is known by the outlines of its panels; one that lies two pixels off has none.
"""

from dataclasses import replace

from core.pixels import RgbImage
from core.types import View
from dicom_node.layouts import outlines
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.panel import Circle, Panel
from dicom_node.layouts.starting import NAMES

_NEAR = 8
"""What a hand may be off: an eighth of the map's radius or side."""
_LEAST = 6
"""Pixels that it may be off in any case."""


def panels(pixels: RgbImage, view: View, drawn: tuple[Panel, ...]) -> tuple[Panel, ...]:
    """The maps that were drawn, in the order of the view; those that are found where none was drawn.

    Raises LayoutError where none was drawn and not as many outlined maps are found as the view has. A panel that no
    outlined map is near stays as it was drawn.
    """
    order = NAMES[view]
    if drawn:
        known = sorted(drawn, key=lambda panel: order.index(panel.name) if panel.name in order else len(order))
        return _on_outlines(pixels, tuple(known))
    found = outlines.find(pixels, count=len(order))
    if found is None:
        raise LayoutError("no map with an outline was found: draw each map that is to be kept")
    if len(found.panels) != len(order):
        sentence = f"{len(found.panels)} outlined maps were found where {view.caption} has {len(order)}"
        raise LayoutError(f"{sentence}: draw those that are to be kept")
    return tuple(replace(panel, name=name) for panel, name in zip(found.panels, order, strict=True))


def _on_outlines(pixels: RgbImage, drawn: tuple[Panel, ...]) -> tuple[Panel, ...]:
    """All of them on outlines of one colour and width, or all as they were drawn."""
    for group in outlines.groups(pixels):
        laid = [next((one for one in group.panels if _near(panel, one)), None) for panel in drawn]
        there = [one for one in laid if one is not None]
        if len(there) == len(drawn) and len({one.geometry for one in there}) == len(drawn):
            return tuple(replace(one, name=panel.name) for one, panel in zip(there, drawn, strict=True))
    return drawn


def _near(drawn: Panel, found: Panel) -> bool:
    """Whether both are of one kind and no number of theirs differs by more than a hand may be off."""
    size = found.radius if isinstance(found, Circle) else min(found.tile.shape)
    off = max(_LEAST, size / _NEAR)
    pairs = zip(drawn.geometry, found.geometry, strict=False)
    return type(drawn) is type(found) and all(abs(a - b) <= off for a, b in pairs)
