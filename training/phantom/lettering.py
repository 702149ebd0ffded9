"""Text, lines and small diagrams on a screen."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.pixels import RgbImage
from training.phantom.palette import TEAL, Scale, coloured

Colour = tuple[int, int, int]

WHITE: Colour = (232, 232, 232)
LIGHT: Colour = (200, 200, 200)
DIM: Colour = (138, 150, 158)
AMBER: Colour = (236, 186, 92)
LINE: Colour = (58, 64, 70)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Canvas:
    """A screen being drawn: starts from an image and ends as one."""

    def __init__(self, pixels: RgbImage) -> None:
        self._image = Image.fromarray(pixels)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, place: tuple[float, float], words: str, *, size: int = 15, colour: Colour = WHITE, anchor: str = "la"
    ) -> None:
        """Write ``words``; ``anchor`` as Pillow's, by default the left end of the ascender line."""
        self._draw.text(place, words, font=_font(size), fill=colour, anchor=anchor)

    def line(self, *places: tuple[float, float], colour: Colour = LINE, width: int = 1) -> None:
        """Draw a line through places."""
        self._draw.line(places, fill=colour, width=width)

    def box(self, corners: tuple[int, int, int, int], *, colour: Colour = LINE) -> None:
        """Draw a frame just outside ``corners`` (left, top, right, bottom)."""
        left, top, right, bottom = corners
        self._draw.rectangle((left - 1, top - 1, right, bottom), outline=colour)

    def circle(self, centre: tuple[float, float], radius: float, *, colour: Colour = LINE) -> None:
        """Draw a circle."""
        x, y = centre
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)

    def fields(self, place: tuple[int, int], rows: list[tuple[str, str]], *, pitch: int, indent: int = 104) -> None:
        """Write label and value pairs below each other."""
        x, y = place
        for k, (name, value) in enumerate(rows):
            if name:
                self.text((x, y + k * pitch), name, size=14, colour=DIM)
            self.text((x + indent, y + k * pitch), value, size=14)

    def pixels(self) -> RgbImage:
        """The image drawn so far, as a new array."""
        return np.array(self._image)


def segment_places(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """Where the 17 segments' numbers stand in a bull's eye."""
    rings = [(0.87, 60, 90), (0.60, 60, 90), (0.34, 90, 90)]
    turns = [(rings[0], 6), (rings[1], 6), (rings[2], 4)]
    places = []
    for (share, step, first), count in turns:
        angles = np.radians(first + step * np.arange(count))
        places += [(centre[0] + radius * share * np.cos(a), centre[1] - radius * share * np.sin(a)) for a in angles]
    return [*places, centre]


def draw_segments(canvas: Canvas, centre: tuple[float, float], radius: float) -> None:
    """The outlines of the 17 segments."""
    for share in (0.2, 7 / 15, 11 / 15, 1.0):
        canvas.circle(centre, radius * share, colour=DIM)
    spokes = [(45 + 90 * k, 0.2, 7 / 15) for k in range(4)] + [(60 * k, 7 / 15, 1.0) for k in range(6)]
    for degrees, start, end in spokes:
        way = np.array([np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))]) * radius
        ends = [(centre[0] + way[0] * share, centre[1] + way[1] * share) for share in (start, end)]
        canvas.line(*ends, colour=DIM)


def write_scores(canvas: Canvas, scores: NDArray[np.intp], *, centre: tuple[float, float], radius: float) -> None:
    """The scores of the 17 segments in a bull's eye, the abnormal ones in amber."""
    for place, score in zip(segment_places(centre, radius), scores, strict=True):
        canvas.text(place, str(score), size=12, colour=AMBER if score else DIM, anchor="mm")


def paint_scale(pixels: RgbImage, *, box: tuple[int, int, int, int], scale: Scale = TEAL) -> None:
    """The colour scale from left (0) to right (100 %)."""
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = coloured(np.linspace(0, 1, right - left), scale)[None]
