"""The right side of the report page: the polar maps of each view, plain and under the activation map."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Label, RgbImage, View
from dicom_node import report_format
from dicom_node.report_content import ReportContent
from dicom_node.report_fields import line
from dicom_node.report_marks import Bar, Circle, Mark, Picture, Text
from dicom_node.report_style import BODY, BOTTOM, INK, TITLE, RULE, SMALL, SOFT, TILE, TILE_GAP, TOP, VIEW
from models import overlay

_STEP = TILE + 30
_FIRST = TOP + 76
_CAPTIONS = {
    "stress": "Stress",
    "rest": "Rest",
    "difference": "Difference",
    "perfusion_ed": "Perfusion ED",
    "perfusion_es": "Perfusion ES",
    "motion": "Motion",
    "thickening": "Thickening",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Tile:
    """One of the four quarters of a crop."""

    caption: str
    pixels: RgbImage
    over: RgbImage | None
    """Under its part of the activation map."""
    round: bool


def explained(content: ReportContent) -> Label | None:
    """The label whose activation maps the page shows: the most probable one; None if it shows none."""
    if content.prediction is None or not any(_heat(content, view) is not None for view in content.crops):
        return None
    return content.prediction.label


def marks(content: ReportContent, view: View, *, left: int) -> Iterator[Mark]:
    """The view's name, what it says alone, and its maps: beside each other plain and explained, or plain only."""
    said = content.prediction.views.get(view) if content.prediction and content.has_result else None
    yield (name := Text(left, TOP + 40, view.caption, TITLE - 6, INK, bold=True))
    if said is not None:
        label = said.probabilities.label
        alone = f"alone {label.value}, {report_format.percent(said.probabilities[label])}"
        width = VIEW - (name.area[2] - left) - 12
        fitted = line(0, TOP + 40, alone, SMALL, SOFT, max_width=width)
        yield Text(left + VIEW, TOP + 40, fitted.string, fitted.size, SOFT, align="right")
    if view not in content.crops:
        yield Bar((left, _FIRST, left + VIEW, BOTTOM - 26), RULE, outline=True)
        yield Text(left + VIEW / 2, (_FIRST + BOTTOM) / 2, "not available", BODY, SOFT, align="middle")
        return
    heat = _heat(content, view)
    tiles = list(_tiles(content, view, heat))
    yield from _grid(tiles, left) if heat is None else _pairs(tiles, left)


def _heat(content: ReportContent, view: View) -> NDArray[np.float32] | None:
    """The activation map of the most probable label over the crop at the page's size; None where there is none."""
    said = content.prediction.views.get(view) if content.prediction and content.has_result else None
    if content.prediction is None or said is None or not said.activation.size:
        return None
    activation = said.activation[..., LABELS.index(content.prediction.label)]
    if not content.about_model.explains_maps:
        return overlay.enlarged(activation, 2 * TILE)
    maps = content.maps.get(view)
    return overlay.on_each(activation, maps.circles, 2 * TILE, of=len(content.crops[view])) if maps else None


def _tiles(content: ReportContent, view: View, heat: NDArray[np.float32] | None) -> Iterator[_Tile]:
    """The crop's tiles in reading order; a nameless one only where it shows something or the model looked at it."""
    crop = overlay.resized(content.crops[view], 2 * TILE)
    names, maps = content.panels.get(view, ()), content.maps.get(view)
    for index in range(4):
        row, column = divmod(index, 2)
        part = np.s_[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        pixels, hot = crop[part], None if heat is None else heat[part]
        named = index < len(names)
        if not named and not pixels.any() and (hot is None or hot.max() < overlay.HALF):
            continue
        name = names[index] if named else ""
        yield _Tile(
            _CAPTIONS.get(name, name.replace("_", " ").capitalize()),
            pixels,
            None if hot is None else overlay.laid_over(overlay.dimmed(pixels), hot, overlay.OPACITY),
            maps is None or name in maps.circles,
        )


def _pairs(tiles: list[_Tile], left: int) -> Iterator[Mark]:
    """A row a map: plain at the left, explained at the right."""
    right = left + TILE + TILE_GAP
    for x, heading in ((left, "as read"), (right, "activation")):
        yield Text(x + TILE / 2, _FIRST - 10, heading, SMALL, SOFT, align="middle")
    for index, tile in enumerate(tiles):
        top = _FIRST + _STEP * index
        yield from _drawn(tile.pixels, left, top, ring=tile.round)
        if tile.over is not None:
            yield from _drawn(tile.over, right, top, ring=tile.round)
        yield Text(left + VIEW / 2, top + TILE + 21, tile.caption, SMALL, SOFT, align="middle")


def _grid(tiles: list[_Tile], left: int) -> Iterator[Mark]:
    """Plain maps, two in a row."""
    for index, tile in enumerate(tiles):
        row, column = divmod(index, 2)
        x, top = left + column * (TILE + TILE_GAP), _FIRST + _STEP * row
        yield from _drawn(tile.pixels, x, top, ring=tile.round)
        yield Text(x + TILE / 2, top + TILE + 21, tile.caption, SMALL, SOFT, align="middle")


def _drawn(pixels: RgbImage, x: int, y: int, *, ring: bool) -> Iterator[Mark]:
    yield Picture(x, y, pixels)
    if ring:
        yield Circle((x, y, x + TILE, y + TILE), RULE)
