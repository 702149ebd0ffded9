"""Reading layouts from TOML files, strictly: an unknown key or a wrong type is an error that names it."""

import hashlib
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from core.types import View
from dicom_node.layouts.caption import Caption
from dicom_node.layouts.criteria import Criteria
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.layout import Layout, ViewLayout, check_together
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Circle, Panel, Rectangle, Ring
from dicom_node.layouts.table import Table


@lru_cache(maxsize=1)
def shipped() -> tuple[Layout, ...]:
    """The layouts that come with Perfuscope, checked against each other."""
    folder = files("dicom_node.layouts")
    sources = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    layouts = tuple(parse(entry.read_bytes(), source=entry.name, is_shipped=True) for entry in sources)
    check_together(layouts)
    return layouts


def load(path: Path) -> Layout:
    """One layout file of a site. Raises LayoutError if it cannot be read or says something that is not allowed."""
    try:
        content = path.read_bytes()
    except OSError:
        raise LayoutError(f"{path.name}: the file cannot be read as UTF-8 text") from None
    return parse(content, source=path.name)


def load_all(paths: Iterable[Path]) -> tuple[Layout, ...]:
    """The shipped layouts and those of further files, checked against each other."""
    layouts = (*shipped(), *(load(path) for path in paths))
    check_together(layouts)
    return layouts


def parse(content: bytes, *, source: str, is_shipped: bool = False) -> Layout:
    """The layout in a file's bytes; LayoutError names ``source`` and what is wrong."""
    try:
        table = Table(tomllib.loads(content.decode()), "the file")
        return _layout(table, is_shipped=is_shipped, sha256=hashlib.sha256(content).hexdigest())
    except UnicodeDecodeError:
        raise LayoutError(f"{source}: the file cannot be read as UTF-8 text") from None
    except (tomllib.TOMLDecodeError, LayoutError) as error:
        raise LayoutError(f"{source}: {error}") from None


def _layout(table: Table, *, is_shipped: bool, sha256: str) -> Layout:
    layout = Layout(
        name=table.text("name"),
        version=table.integer("version"),
        rows=table.integer("rows"),
        columns=table.integer("columns"),
        rank=table.integer("rank", default=0),
        identity_box=table.box("identity_box") if table.has("identity_box") else None,
        allowed_text=table.texts("allowed_text"),
        coloured_share=table.number("coloured_share"),
        criteria=Criteria(table.table("match").all_texts()) if table.has("match") else Criteria(),
        ring=_ring(table.table("ring")),
        palette=_palette(table.table("palette")),
        views=tuple(_view(view) for view in table.tables("views")),
        shipped=is_shipped,
        sha256=sha256,
    )
    table.done()
    return layout


def _ring(table: Table) -> Ring:
    red, green, blue = table.integers("colour", 3)
    ring = Ring(
        colour=(red, green, blue),
        width=table.integer("width"),
        tolerance=table.integer("tolerance"),
        channel_tolerance=table.integer("channel_tolerance"),
        share=table.number("share"),
    )
    table.done()
    return ring


def _palette(table: Table) -> Palette:
    palette = Palette(
        anchors=tuple((level, r, g, b) for level, r, g, b in table.rows("anchors", 4)),
        tolerance=table.integer("tolerance"),
        off_share=table.number("off_share"),
    )
    table.done()
    return palette


def _view(table: Table) -> ViewLayout:
    name = table.text("view")
    if name not in set(View):
        raise LayoutError(f"{table.where}.view must be one of {', '.join(View)}, not {name!r}")
    view = ViewLayout(
        view=View(name),
        panels=tuple(_panel(panel) for panel in table.tables("panels")),
        captions=tuple(_caption(caption) for caption in table.tables("captions")),
    )
    table.done()
    return view


def _panel(table: Table) -> Panel:
    name = table.text("name")
    panel: Panel
    if table.has("box"):
        panel = Rectangle(name=name, box=table.box("box"))
    else:
        column, row = table.integers("centre", 2)
        panel = Circle(name=name, centre=(column, row), radius=table.integer("radius"))
    table.done()
    return panel


def _caption(table: Table) -> Caption:
    caption = Caption(
        box=table.box("box"),
        lit_from=table.integer("lit_from"),
        agreement=table.number("agreement"),
        bits="".join(table.text("bits").split()),
    )
    table.done()
    return caption
