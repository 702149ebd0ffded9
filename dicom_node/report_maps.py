"""The right side of the report page: the polar maps of each view, and below them where the model looked."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.maps import caption
from core.types import LABELS, Label, View
from dicom_node import report_format
from dicom_node.report_content import ReportContent
from dicom_node.report_fields import line
from dicom_node.report_marks import Bar, Circle, Mark, Picture, Text
from dicom_node.report_style import BOTTOM, INK, MEDIUM, RULE, SMALL, SOFT, TILE, TILE_GAP, TOP, VIEW
from models import overlay

_FIRST, _STEP = TOP + 54, TILE + 30
_OVER = BOTTOM - 22 - VIEW
"""Where the maps begin, and the crops under their activation maps."""


def explained(content: ReportContent) -> Label | None:
    """The label whose activation maps the page shows: the most probable one; None if it shows none."""
    if content.prediction is None or not any(_heat(content, view) is not None for view in content.crops):
        return None
    return content.prediction.label


def marks(content: ReportContent, view: View, *, left: int) -> Iterator[Mark]:
    """The view's name, what it says alone, its maps, and below them its crop under the activation map."""
    yield from _heading(content, view, left)
    if view not in content.crops:
        yield from _empty(left, _FIRST, "not available")
        return
    yield from _plain(content, view, left)
    yield from _explained(content, view, left)


def _explained(content: ReportContent, view: View, left: int) -> Iterator[Mark]:
    heat, label = _heat(content, view), explained(content)
    if heat is None or label is None:
        yield from _empty(
            left, _OVER, "no activation map was kept" if content.has_result else "no result, no activation map"
        )
        return
    yield Text(left, _OVER - 12, f"{'Activation' if heat.any() else 'No activation'} for {label.value}", SMALL, SOFT)
    crop = overlay.dimmed(content.crops[view], VIEW)
    yield Picture(left, _OVER, overlay.laid_over(crop, heat, overlay.OPACITY))


def _empty(left: int, top: int, why: str) -> Iterator[Mark]:
    """A frame down to the end of the maps, with the reason why there is no picture."""
    bottom = _OVER + VIEW
    yield Bar((left, top, left + VIEW, bottom), RULE, outline=True)
    yield Text(left + VIEW / 2, (top + bottom) / 2, why, SMALL, SOFT, align="middle")


def _heading(content: ReportContent, view: View, left: int) -> Iterator[Mark]:
    name = Text(left, _FIRST - 14, view.caption, MEDIUM, INK, bold=True)
    yield name
    said = content.prediction.views.get(view) if content.prediction and content.has_result else None
    if said is not None:
        label = said.probabilities.label
        alone = f"{label.value} {report_format.percent(said.probabilities[label])}"
        fitted = line(0, name.y, alone, SMALL, SOFT, max_width=left + VIEW - name.area[2] - 10)
        yield Text(left + VIEW, name.y, fitted.string, fitted.size, SOFT, align="right")


def _plain(content: ReportContent, view: View, left: int) -> Iterator[Mark]:
    """The tiles of a crop with their captions, in reading order; what is nameless and black is left out."""
    crop, side = content.crops[view], len(content.crops[view]) // 2
    names, maps = content.panels.get(view, ()), content.maps.get(view)
    for index in range(4):
        row, column = divmod(index, 2)
        tile = crop[row * side : (row + 1) * side, column * side : (column + 1) * side]
        if index >= len(names) and not tile.any():
            continue
        name = names[index] if index < len(names) else ""
        x, top = left + column * (TILE + TILE_GAP), _FIRST + _STEP * row
        yield Picture(x, top, overlay.resized(tile, TILE))
        if maps is None or name in maps.circles:
            yield Circle((x, top, x + TILE, top + TILE), RULE)
        yield Text(x + TILE / 2, top + TILE + 21, caption(name), SMALL, SOFT, align="middle")


def _heat(content: ReportContent, view: View) -> NDArray[np.float32] | None:
    """The activation map of the most probable label over the crop at the page's size; None where there is none."""
    said = content.prediction.views.get(view) if content.prediction and content.has_result else None
    if content.prediction is None or said is None or not said.activation.size:
        return None
    activation = said.activation[..., LABELS.index(content.prediction.label)]
    if not content.about_model.explains_maps:
        return overlay.enlarged(activation, VIEW)
    maps = content.maps.get(view)
    return overlay.on_each(activation, maps.circles, VIEW, of=len(content.crops[view])) if maps else None
