"""Writing a layout as a file that a person can read and go on with."""

import json
from collections.abc import Iterator
from textwrap import wrap

from dicom_node.layouts.criteria import Criteria
from dicom_node.layouts.layout import Layout, ViewLayout
from dicom_node.layouts.panel import Circle

_HEX_WIDTH = 100


def toml(layout: Layout) -> str:
    """The whole file; reading it gives the same layout but for its SHA-256."""
    return "\n".join([*_head(layout), *_match(layout.criteria), *_ring(layout), *_palette(layout)]) + "".join(
        view_toml(view) for view in layout.views
    )


def view_toml(view: ViewLayout) -> str:
    """One view, to be put at a file's end."""
    return "\n" + "\n".join(_view(view)) + "\n"


def _head(layout: Layout) -> Iterator[str]:
    yield "# Kept are the panels below and nothing else. Places are [column, row], boxes [left, top, right, bottom]."
    yield "# Raise the version whenever what is kept changes: results name it."
    yield f"name = {_text(layout.name)}"
    yield f"version = {layout.version}"
    yield f"rows = {layout.rows}"
    yield f"columns = {layout.columns}"
    yield "# Of several layouts that agree with an image the highest rank wins, then the one with more keys in [match]."
    yield f"rank = {layout.rank}"
    if layout.identity_box is None:
        yield "# These screens have no identity burned in; if they do: identity_box = [left, top, right, bottom]"
    else:
        yield "# Where name, ID and birth date are burned in; nothing of it is kept."
        yield f"identity_box = {list(layout.identity_box)}"
    yield "# Captions that stand inside the panels on every screen and may be kept."
    yield f"allowed_text = [{', '.join(_text(words) for words in layout.allowed_text)}]"
    yield "# Share of the kept pixels that must be in colour."
    yield f"coloured_share = {layout.coloured_share}"


def _match(criteria: Criteria) -> Iterator[str]:
    if len(criteria):
        yield "\n[match]"
        yield "# Regular expressions, found anywhere in the attribute, upper and lower case alike; all must be met."
        yield "# A new software version is not known until somebody has looked at its screens and added it here."
        for keyword, pattern in criteria.patterns:
            yield f"{keyword} = {_text(pattern)}"


def _ring(layout: Layout) -> Iterator[str]:
    yield "\n[ring]"
    yield "# The outline around every panel, from the first pixel outside it on."
    yield f"colour = {list(layout.ring.colour)}"
    yield f"width = {layout.ring.width}"
    yield "# Grey levels that its brightness and one channel may be off: lossy compression blurs both."
    yield f"tolerance = {layout.ring.tolerance}"
    yield f"channel_tolerance = {layout.ring.channel_tolerance}"
    yield f"share = {layout.ring.share}"


def _palette(layout: Layout) -> Iterator[str]:
    yield "\n[palette]"
    yield "# The maps' colour scale: [level, red, green, blue], straight lines between."
    yield "anchors = ["
    yield from (f"    {list(anchor)}," for anchor in layout.palette.anchors)
    yield "]"
    yield f"tolerance = {layout.palette.tolerance}"
    yield f"off_share = {layout.palette.off_share}\n"


def _view(view: ViewLayout) -> Iterator[str]:
    yield "[[views]]"
    yield f"view = {_text(view.view.value)}"
    for panel in view.panels:
        yield "\n[[views.panels]]"
        yield f"name = {_text(panel.name)}"
        if isinstance(panel, Circle):
            yield f"centre = {list(panel.centre)}"
            yield f"radius = {panel.radius}"
        else:
            yield f"box = {list(panel.box)}"
    for caption in view.captions:
        yield "\n[[views.captions]]"
        yield f"box = {list(caption.box)}"
        yield f"lit_from = {caption.lit_from}"
        yield f"agreement = {caption.agreement}"
        yield 'bits = """'
        yield from wrap(caption.bits, _HEX_WIDTH)
        yield '"""'


def _text(words: str) -> str:
    """A literal string where that reads better, else a basic one (TOML 1.0); JSON escapes less than TOML must."""
    if "'" not in words and words.isprintable():
        return f"'{words}'" if "\\" in words or '"' in words else f'"{words}"'
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")
