"""The marks a page is made of, where they stand and how they are drawn."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from core.pixels import RgbImage
from dicom_node import report_text

Colour = tuple[int, int, int]
Area = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text on the baseline ``y``; ``x`` is its left end, middle or right end."""

    x: float
    y: float
    string: str = field(repr=False)
    size: int
    colour: Colour
    bold: bool = False
    align: Literal["left", "middle", "right"] = "left"

    @property
    def area(self) -> Area:
        """The rectangle of its ink."""
        font = report_text.font(self.size, bold=self.bold)
        left, top, right, bottom = font.getbbox(self.string, anchor=self._anchor)
        return self.x + left, self.y + top, self.x + right, self.y + bottom

    def draw(self, page: Image.Image) -> None:
        """Draw the text on ``page``."""
        font = report_text.font(self.size, bold=self.bold)
        ImageDraw.Draw(page).text((self.x, self.y), self.string, font=font, fill=self.colour, anchor=self._anchor)

    @property
    def _anchor(self) -> str:
        return {"left": "ls", "middle": "ms", "right": "rs"}[self.align]


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle, or with ``outline`` only its one pixel wide border."""

    area: Area
    colour: Colour
    outline: bool = False

    def draw(self, page: Image.Image) -> None:
        """Draw the rectangle on ``page``; its right and bottom edges are not part of it."""
        left, top, right, bottom = self.area
        if right <= left or bottom <= top:
            return
        corners = (left, top, right - 1, bottom - 1)
        if self.outline:
            ImageDraw.Draw(page).rectangle(corners, outline=self.colour)
        else:
            ImageDraw.Draw(page).rectangle(corners, fill=self.colour)


@dataclass(frozen=True, slots=True)
class Hatch:
    """Slanting lines, which are told from an even colour in grey as well."""

    area: Area
    colour: Colour

    def draw(self, page: Image.Image) -> None:
        """Draw the lines on ``page``, inside the area."""
        left, top, right, bottom = (round(edge) for edge in self.area)
        rows, columns = np.ogrid[top : max(top, bottom), left : max(left, right)]
        lines = Image.fromarray(np.where((rows + columns) % 8 < 3, 255, 0).astype(np.uint8))
        if lines.width and lines.height:
            page.paste(self.colour, (left, top), lines)


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle's outline, one pixel wide, just inside ``area``."""

    area: Area
    colour: Colour

    def draw(self, page: Image.Image) -> None:
        """Draw the outline on ``page``."""
        left, top, right, bottom = self.area
        ImageDraw.Draw(page).ellipse((left, top, right - 1, bottom - 1), outline=self.colour)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of shape (rows, columns, 3) as it is, its upper left corner at (x, y)."""

    x: int
    y: int
    pixels: RgbImage = field(repr=False)

    @property
    def area(self) -> Area:
        """The rectangle it covers."""
        return self.x, self.y, self.x + self.pixels.shape[1], self.y + self.pixels.shape[0]

    def draw(self, page: Image.Image) -> None:
        """Draw the image on ``page``."""
        page.paste(Image.fromarray(np.ascontiguousarray(self.pixels)), (self.x, self.y))


Mark = Text | Bar | Hatch | Circle | Picture


def draw(marks: Iterable[Mark], *, columns: int, rows: int) -> RgbImage:
    """The marks in their order on a black page, shape (rows, columns, 3)."""
    page = Image.new("RGB", (columns, rows))
    for mark in marks:
        mark.draw(page)
    return np.asarray(page)
