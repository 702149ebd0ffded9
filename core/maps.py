"""Where the polar maps of a crop lie and how their colours are read: what a crop needs beside it to become counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Anchor = tuple[int, int, int, int]
"""Level, red, green, blue, each from 0 to 255."""
Circle = tuple[int, int, int]
"""Column and row of the middle pixel on the crop, and the radius in pixels."""
_CAPTIONS = {
    "stress": "Stress",
    "rest": "Rest",
    "difference": "Difference",
    "perfusion_ed": "Perfusion ED",
    "perfusion_es": "Perfusion ES",
    "motion": "Motion",
    "thickening": "Thickening",
}
_TILES = 4


def caption(name: str) -> str:
    """What a panel of that name is called on reports and pages."""
    return _CAPTIONS.get(name, name.replace("_", " ").capitalize())


@dataclass(frozen=True, slots=True)
class Maps:
    """The colour scale and the circles of one crop, as the layout that cut it names them; no identifier is among it."""

    anchors: tuple[Anchor, ...]
    """The scale's corners with straight lines between, levels rising from 0 to 255."""
    circles: Mapping[str, Circle]
    """The polar maps by their panel's name: ``stress``, ``rest``, ``motion`` and so on."""

    @property
    def captions(self) -> tuple[str, ...]:
        """What the crop's four tiles are called, in reading order; empty where no polar map lies or is in doubt.

        A map lies in the middle of its tile: at one or three halves of a tile's side from the left and from the top.
        """
        half = min((min(x, y) for x, y, _ in self.circles.values()), default=0)
        tiles = [""] * _TILES
        if not half or (len(self.circles) == 1 and not self._fills(half)):
            return tuple(tiles)  # a small map on its own may be the first or the last
        for name, (x, y, _) in self.circles.items():
            tiles[int(x > 2 * half) + 2 * int(y > 2 * half)] = caption(name)
        return tuple(tiles)

    def _fills(self, half: int) -> bool:
        return any(radius + 1 >= half for _, _, radius in self.circles.values())

    def as_json(self) -> dict[str, Any]:
        """As a document for the database; ``of_json`` reads it."""
        return {"anchors": [list(a) for a in self.anchors], "circles": {k: list(v) for k, v in self.circles.items()}}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> "Maps":
        """What ``as_json`` wrote."""
        anchors = tuple((int(a[0]), int(a[1]), int(a[2]), int(a[3])) for a in document["anchors"])
        circles = {str(name): (int(c[0]), int(c[1]), int(c[2])) for name, c in document["circles"].items()}
        return cls(anchors, MappingProxyType(circles))
