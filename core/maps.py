"""Where the polar maps of a crop lie and how their colours are read: what a crop needs beside it to become counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Anchor = tuple[int, int, int, int]
"""Level, red, green, blue, each from 0 to 255."""
Circle = tuple[int, int, int]
"""Column and row of the middle pixel on the crop, and the radius in pixels."""


@dataclass(frozen=True, slots=True)
class Maps:
    """The colour scale and the circles of one crop, as the layout that cut it names them; no identifier is among it."""

    anchors: tuple[Anchor, ...]
    """The scale's corners with straight lines between, levels rising from 0 to 255."""
    circles: Mapping[str, Circle]
    """The polar maps by their panel's name: ``stress``, ``rest``, ``motion`` and so on."""

    def as_json(self) -> dict[str, Any]:
        """As a document for the database; ``of_json`` reads it."""
        return {"anchors": [list(a) for a in self.anchors], "circles": {k: list(v) for k, v in self.circles.items()}}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> "Maps":
        """What ``as_json`` wrote."""
        anchors = tuple((int(a[0]), int(a[1]), int(a[2]), int(a[3])) for a in document["anchors"])
        circles = {str(name): (int(c[0]), int(c[1]), int(c[2])) for name, c in document["circles"].items()}
        return cls(anchors, MappingProxyType(circles))
