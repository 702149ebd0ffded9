"""A layout from an example screen: what a person pointed at, and what can be measured beside it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import View
from dicom_node.layouts import measuring, outlines
from dicom_node.layouts.box import Box
from dicom_node.layouts.caption import Caption
from dicom_node.layouts.criteria import Criteria, Header
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.layout import Layout, ViewLayout
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Circle, Panel
from dicom_node.layouts.recognition import recognise

NAMES: dict[View, tuple[str, ...]] = {
    View.QPS: ("stress", "rest", "difference"),
    View.STRESS_QGS: ("perfusion_ed", "perfusion_es", "motion", "thickening"),
    View.REST_QGS: ("perfusion_ed", "perfusion_es", "motion", "thickening"),
}
"""The panels of each view in the order that the shipped model was trained on."""

_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")
_SHIFTS = ((0, 2), (0, -2), (2, 0), (-2, 0))


@dataclass(frozen=True, slots=True)
class Example:
    """A screen, and where on it a person saw what."""

    pixels: RgbImage
    header: Header | None
    view: View
    captions: tuple[Box, ...]
    panels: tuple[Panel, ...] = ()
    """None: they are looked for."""


def layout(
    example: Example,
    *,
    name: str,
    identity_box: Box | None,
    palette: Palette,
    rank: int = 0,
    allowed: tuple[str, ...] = (),
) -> Layout:
    """A layout that knows the example and nothing shifted; LayoutError says what is missing."""
    if identity_box is not None and any(box.touches(identity_box) for box in example.captions):
        raise LayoutError("a caption's box touches the identity box: a caption is the same for every patient")
    panels = example.panels or _found(example)
    rows, columns = example.pixels.shape[:2]
    made = Layout(
        name=name,
        version=1,
        rows=rows,
        columns=columns,
        rank=rank,
        identity_box=identity_box,
        allowed_text=allowed,
        coloured_share=0.2,
        criteria=_criteria(example.header),
        ring=measuring.ring(example.pixels, panels),
        palette=palette,
        views=(_view(example, panels),),
    )
    _prove(made, example)
    return made


def extended(existing: Layout, example: Example) -> Layout:
    """The layout with the example's view added; its identity box, outline, palette and criteria stay."""
    if example.pixels.shape[:2] != (existing.rows, existing.columns):
        raise LayoutError(f"{existing.name} is for {existing.columns} x {existing.rows} pixels, the example is not")
    known = [caption for view in existing.views for caption in view.captions]
    added = _view(example, example.panels or _found(example), like=known)
    made = replace(existing, views=(*existing.views, added))
    _prove(made, example)
    return made


def _found(example: Example) -> tuple[Panel, ...]:
    names = NAMES[example.view]
    found = outlines.find(example.pixels, count=len(names))
    if found is None:
        raise LayoutError("no outlined maps were found: name each with --circle name=x,y,r or --box name=l,t,r,b")
    if len(found.panels) != len(names):
        places = " ".join(_option(panel) for panel in found.panels)
        sentence = f"{len(found.panels)} outlined maps were found where {example.view} has {len(names)}"
        raise LayoutError(f"{sentence}: name those to keep; these were found: {places}")
    return tuple(replace(panel, name=name) for panel, name in zip(found.panels, names, strict=True))


def _option(panel: Panel) -> str:
    kind = "--circle" if isinstance(panel, Circle) else "--box"
    return f"{kind} {panel.name}={','.join(map(str, panel.geometry))}"


def _view(example: Example, panels: tuple[Panel, ...], *, like: Iterable[Caption] = ()) -> ViewLayout:
    like = tuple(like)
    captions = tuple(measuring.caption(example.pixels, box, like=like) for box in example.captions)
    return ViewLayout(view=example.view, panels=panels, captions=captions)


def _criteria(header: Header | None) -> Criteria:
    """The equipment to the letter; what is empty or cannot be printed is not asked."""
    said = ((keyword, (header or {}).get(keyword, "")) for keyword in _EQUIPMENT)
    return Criteria(
        tuple((keyword, _exactly(value)) for keyword, value in said if value.strip() and value.isprintable())
    )


def _exactly(value: str) -> str:
    r"""A pattern for the value alone; ``re.escape`` but for blanks, which are easier to read as they are."""
    return f"^{re.escape(value)}$".replace(r"\ ", " ")


def _prove(made: Layout, example: Example) -> None:
    """Raise LayoutError unless the layout knows the example, and no copy shifted by two pixels."""
    try:
        seen = recognise(example.pixels, [made], example.header)
    except Rejected as rejected:
        raise LayoutError(f"the layout would not know its own example: {rejected.detail}") from None
    if seen.view is not example.view:
        raise LayoutError(f"the layout would take its own example for {seen.view}")
    for way in _SHIFTS:
        try:
            recognise(np.roll(example.pixels, way, axis=(0, 1)), [made], example.header)
        except Rejected:
            continue
        raise LayoutError("the layout would know a copy shifted by two pixels: choose a caption with more detail")
