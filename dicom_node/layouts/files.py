"""Reading layouts from TOML files, strictly: an unknown key or a wrong type is an error that names it."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from core.types import View
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.layout import (
    Box,
    Caption,
    Layout,
    Panel,
    Ring,
    ViewLayout,
    check_together,
)
from dicom_node.layouts.palette import Palette


@lru_cache(maxsize=1)
def shipped() -> tuple[Layout, ...]:
    """The layouts that come with Perfuscope, checked against each other."""
    folder = files("dicom_node.layouts")
    sources = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    layouts = tuple(_parse(entry.read_text(encoding="utf-8"), source=entry.name) for entry in sources)
    check_together(layouts)
    return layouts


def load(path: Path) -> Layout:
    """One layout file. Raises LayoutError if it cannot be read or says something that is not allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise LayoutError(f"{path.name}: the file cannot be read as UTF-8 text") from None
    return _parse(text, source=path.name)


def load_all(paths: Iterable[Path]) -> tuple[Layout, ...]:
    """The shipped layouts and those of further files, checked against each other."""
    layouts = (*shipped(), *(load(path) for path in paths))
    check_together(layouts)
    return layouts


def _parse(text: str, *, source: str) -> Layout:
    try:
        table = _Table(tomllib.loads(text), "the file")
        return _layout(table)
    except (tomllib.TOMLDecodeError, LayoutError) as error:
        raise LayoutError(f"{source}: {error}") from None


def _layout(table: "_Table") -> Layout:
    layout = Layout(
        name=table.text("name"),
        version=table.integer("version"),
        rows=table.integer("rows"),
        columns=table.integer("columns"),
        rank=table.integer("rank", default=0),
        identity_box=table.box("identity_box"),
        coloured_share=table.number("coloured_share"),
        ring=_ring(table.table("ring")),
        palette=_palette(table.table("palette")),
        views=tuple(_view(view) for view in table.tables("views")),
    )
    table.done()
    return layout


def _ring(table: "_Table") -> Ring:
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


def _palette(table: "_Table") -> Palette:
    palette = Palette(
        anchors=tuple((level, r, g, b) for level, r, g, b in table.rows("anchors", 4)),
        tolerance=table.integer("tolerance"),
        off_share=table.number("off_share"),
    )
    table.done()
    return palette


def _view(table: "_Table") -> ViewLayout:
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


def _panel(table: "_Table") -> Panel:
    column, row = table.integers("centre", 2)
    panel = Panel(name=table.text("name"), centre=(column, row), radius=table.integer("radius"))
    table.done()
    return panel


def _caption(table: "_Table") -> Caption:
    caption = Caption(
        box=table.box("box"),
        lit_from=table.integer("lit_from"),
        agreement=table.number("agreement"),
        bits="".join(table.text("bits").split()),
    )
    table.done()
    return caption


def _whole_numbers(values: list[object], count: int) -> bool:
    return len(values) == count and all(type(value) is int for value in values)


class _Table:
    """A TOML table that hands out each key once, by type, and complains about those nobody asked for."""

    def __init__(self, content: Mapping[str, object], where: str) -> None:
        self._left = dict(content)
        self.where = where

    def done(self) -> None:
        if self._left:
            raise LayoutError(f"unknown key {min(self._left)!r} in {self.where}")

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise LayoutError(f"{key} in {self.where} must be a text")
        return value

    def integer(self, key: str, *, default: int | None = None) -> int:
        value = self._take(key) if default is None or key in self._left else default
        if not isinstance(value, int) or isinstance(value, bool):
            raise LayoutError(f"{key} in {self.where} must be a whole number")
        return value

    def number(self, key: str) -> float:
        value = self._take(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise LayoutError(f"{key} in {self.where} must be a number")
        return float(value)

    def integers(self, key: str, count: int) -> list[int]:
        value = self._take(key)
        if not isinstance(value, list) or not _whole_numbers(value, count):
            raise LayoutError(f"{key} in {self.where} must be {count} whole numbers")
        return value

    def rows(self, key: str, count: int) -> list[list[int]]:
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(v, list) and _whole_numbers(v, count) for v in value):
            raise LayoutError(f"{key} in {self.where} must be a list of {count} whole numbers each")
        return value

    def box(self, key: str) -> Box:
        return Box(*self.integers(key, 4))

    def table(self, key: str) -> "_Table":
        value = self._take(key)
        if not isinstance(value, dict):
            raise LayoutError(f"{key} in {self.where} must be a table")
        return _Table(value, key)

    def tables(self, key: str) -> list["_Table"]:
        value = self._take(key)
        if not isinstance(value, list) or any(not isinstance(entry, dict) for entry in value):
            raise LayoutError(f"{key} in {self.where} must be a list of tables")
        return [_Table(entry, f"{key}[{number}]") for number, entry in enumerate(value)]

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise LayoutError(f"{key} is missing in {self.where}")
        return self._left.pop(key)
