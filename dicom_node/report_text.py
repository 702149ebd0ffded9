"""Text that fits and can be drawn: fonts, widths, shortening, and the name component group to show."""

import unicodedata
from bisect import bisect_right
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

from PIL import ImageFont, features

_FONTS = files("dicom_node") / "fonts"
_MISSING_GLYPH = "\uffff"
_SMALLEST = 0.75
"""How far type may shrink before text is cut."""


@lru_cache(maxsize=64)
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at ``size`` pixels; shapes Arabic and orders Hebrew where Pillow has raqm."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    return ImageFont.truetype(BytesIO((_FONTS / name).read_bytes()), size, layout_engine=engine)


def clean(text: str) -> str:
    """The text composed (NFC), on one line, without control and direction marks."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})


def drawable(text: str, *, bold: bool = False) -> bool:
    """Whether every character has a glyph and, if written from right to left, can be put in order."""
    return all(_drawable(c, bold=bold) for c in text)


def width(text: str, size: int, *, bold: bool = False) -> float:
    """The width of ``text`` in pixels."""
    return font(size, bold=bold).getlength(text)


def fit(text: str, size: int, *, bold: bool, max_width: float) -> tuple[str, int]:
    """The text and type size that fit ``max_width`` pixels: smaller type first, then an ellipsis."""
    smallest = max(1, int(size * _SMALLEST))
    for smaller in range(size, smallest - 1, -1):
        if width(text, smaller, bold=bold) <= max_width:
            return text, smaller
    return _shortened(text, smallest, bold=bold, max_width=max_width), smallest


def wrap(text: str, size: int, *, bold: bool, max_width: float, max_lines: int) -> tuple[str, ...]:
    """The text broken at spaces into lines of at most ``max_width`` pixels; what is left ends in an ellipsis."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < max_lines - 1:
        count = max(1, _words_that_fit(words, size, bold=bold, max_width=max_width))
        lines.append(" ".join(words[:count]))
        words = words[count:]
    rest = [" ".join(words)] if words else []
    return tuple(_shortened(line, size, bold=bold, max_width=max_width) for line in lines + rest)


def person_name(value: str, *, bold: bool = False) -> str | None:
    """The first component group (alphabetic, ideographic, phonetic; PS3.5 6.2.1) that can be drawn.

    Written ``Family, Given Middle, Prefix, Suffix``. None if there is a name but no group can be drawn; empty if
    there is no name.
    """
    groups = [written for group in value.split("=") if (written := _written(group))]
    if not groups:
        return ""
    return next((group for group in groups if drawable(group, bold=bold)), None)


def _written(group: str) -> str:
    parts = [clean(part) for part in group.split("^")][:5]
    family, given, middle, prefix, suffix = parts + [""] * (5 - len(parts))
    forenames = " ".join(part for part in (given, middle) if part)
    return ", ".join(part for part in (family, forenames, prefix, suffix) if part)


def _shortened(text: str, size: int, *, bold: bool, max_width: float) -> str:
    if width(text, size, bold=bold) <= max_width:
        return text
    longest = bisect_right(
        range(1, len(text)), max_width, key=lambda end: width(text[:end].rstrip(" ,") + "…", size, bold=bold)
    )
    kept = text[:longest]
    while kept and unicodedata.combining(text[len(kept)]):  # never part a letter from its marks
        kept = kept[:-1]
    return kept.rstrip(" ,") + "…"


def _words_that_fit(words: list[str], size: int, *, bold: bool, max_width: float) -> int:
    count = 0
    while count < len(words) and width(" ".join(words[: count + 1]), size, bold=bold) <= max_width:
        count += 1
    return count


@lru_cache(maxsize=4096)
def _drawable(char: str, *, bold: bool) -> bool:
    if char.isspace():
        return True
    if unicodedata.bidirectional(char) in {"R", "AL", "AN"} and not features.check("raqm"):
        return False
    return _glyph(char, bold=bold) != _glyph(_MISSING_GLYPH, bold=bold)


@lru_cache(maxsize=8)
def _probe(*, bold: bool) -> ImageFont.FreeTypeFont:
    return font(24, bold=bold).font_variant(layout_engine=ImageFont.Layout.BASIC)


def _glyph(char: str, *, bold: bool) -> tuple[tuple[int, int], bytes]:
    mask = _probe(bold=bold).getmask(char)
    return mask.size, bytes(mask)
