"""A screen as a layout sees it: what is kept, what is dropped, and by what the screen is known.

What is dropped holds the patient's name. Unless somebody asks for it, the picture has a flat pattern there: of the
screen's own pixels it then shows none that a crop does not have.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.pixels import RgbImage
from dicom_node.layouts.box import Box
from dicom_node.layouts.panel import Circle, Panel
from dicom_node.layouts.recognition import Match
from dicom_node.report_text import font

Colour = tuple[int, int, int]

_GROUND: Colour = (30, 33, 38)
_HATCH: Colour = (58, 63, 72)
_PITCH = 14
_DIMMED = 0.45
_KEPT: Colour = (120, 220, 140)
_FINGERPRINT: Colour = (90, 190, 240)
_IDENTITY: Colour = (240, 170, 60)
_FAILED: Colour = (240, 90, 90)
_WORDS: Colour = (150, 156, 166)
_LEGEND_ROWS = 40
_SIZE = 14


def draw(pixels: RgbImage, match: Match, *, known: bool, with_identity: bool = False) -> RgbImage:
    """The screen with a legend below, shape (rows + 40, columns, 3).

    Panels are bright only if the screen is ``known`` by the match; else nothing is kept, and the places where the
    closest layout looked are outlined. ``with_identity`` shows what is dropped, dimmed: the patient's name is in it.
    """
    canvas = _dropped(pixels, with_identity=with_identity)
    if known:
        for panel in match.screen.panels:
            box, kept = panel.tile, panel.kept().astype(bool)
            canvas[box.slices] = np.where(kept, pixels[box.slices], canvas[box.slices])
    for panel, score in zip(match.screen.panels, match.ring_scores, strict=True):
        canvas[panel.outline(match.layout.ring.width)] = _colour(score >= match.layout.ring.share)
    for caption, score in zip(match.screen.captions, match.caption_scores, strict=True):
        canvas[caption.box.slices][caption.template] = _colour(score >= caption.agreement)
    framed = np.concatenate([canvas, np.full((_LEGEND_ROWS, canvas.shape[1], 3), 16, np.uint8)])
    image = Image.fromarray(framed)
    _write(ImageDraw.Draw(image), match, known=known, with_identity=with_identity)
    return np.asarray(image)


def _dropped(pixels: RgbImage, *, with_identity: bool) -> RgbImage:
    rows, columns = pixels.shape[:2]
    if with_identity:
        ground = (pixels.astype(np.float32) * _DIMMED).astype(np.uint8)
    else:
        ground = np.full((rows, columns, 3), _GROUND, np.uint8)
    y, x = np.ogrid[:rows, :columns]
    hatched: NDArray[np.bool_] = (x + y) % _PITCH == 0
    ground[hatched] = _HATCH
    return ground


def _write(canvas: ImageDraw.ImageDraw, match: Match, *, known: bool, with_identity: bool) -> None:
    layout = match.layout
    for panel, score in zip(match.screen.panels, match.ring_scores, strict=True):
        _name_panel(canvas, panel, score, match, known=known)
    for caption, score in zip(match.screen.captions, match.caption_scores, strict=True):
        colour = _colour(score >= caption.agreement)
        _frame(canvas, caption.box, f"caption {score:.2f} ({caption.agreement:.2f} needed)", colour)
    if layout.identity_box is not None:
        _frame(canvas, layout.identity_box, "identity: dropped", _IDENTITY)
    _legend(canvas, match, known=known, with_identity=with_identity)


def _name_panel(canvas: ImageDraw.ImageDraw, panel: Panel, score: float, match: Match, *, known: bool) -> None:
    """What a panel is called and how well its outline fits, where nothing is kept."""
    words = f"{panel.name}  {score:.2f}"
    colour = _KEPT if known else _colour(score >= match.layout.ring.share)
    bounds = panel.bounds(match.layout.ring.width)
    room = 0.0
    if isinstance(panel, Circle):  # left of its lowest part, in the corner of its square
        reach = panel.radius + match.layout.ring.width
        room = panel.centre[0] - math.sqrt(max(reach**2 - (reach - _SIZE - 8) ** 2, 0)) - 8
    if room > canvas.textlength(words, font=font(_SIZE, bold=True)) + 4:
        _label(canvas, (room, bounds.bottom - 2), words, colour, anchor="rd")
    else:
        place = ((bounds.left + bounds.right) / 2, min(bounds.bottom + 4, match.layout.rows - _SIZE - 4))
        _label(canvas, place, words, colour, anchor="ma")


def _frame(canvas: ImageDraw.ImageDraw, box: Box, words: str, colour: Colour) -> None:
    """A line just outside ``box``, with words above it or, at the screen's top, below."""
    canvas.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=colour, width=2)
    above = box.top - _SIZE - 8
    _label(canvas, (max(box.left, 0) + 6, above if above >= 0 else box.bottom + 6), words, colour, anchor="la")


def _label(canvas: ImageDraw.ImageDraw, place: tuple[float, float], words: str, colour: Colour, *, anchor: str) -> None:
    left, top, right, bottom = canvas.textbbox(place, words, font=font(_SIZE, bold=True), anchor=anchor)
    canvas.rectangle((left - 4, top - 2, right + 4, bottom + 2), fill=(16, 16, 16))
    canvas.text(place, words, font=font(_SIZE, bold=True), fill=colour, anchor=anchor)


def _legend(canvas: ImageDraw.ImageDraw, match: Match, *, known: bool, with_identity: bool) -> None:
    rows, columns = match.layout.rows, match.layout.columns
    said = f"{match.name} version {match.version}, {match.view.caption}"
    dropped = "dropped, shown dimmed: identifies the patient" if with_identity else "dropped, not shown"
    parts = [
        (said, _KEPT) if known else (f"not known; closest is {said}", _FAILED),
        ("kept", _KEPT) if known else ("does not fit", _FAILED),
        ("known by these" if known else "fits", _FINGERPRINT),
        (dropped, _WORDS),
        *([("identity", _IDENTITY)] if match.layout.identity_box else []),
    ]
    x, place = 14.0, rows + _LEGEND_ROWS / 2
    for number, (words, colour) in enumerate(parts):
        if number:
            canvas.rectangle((x, place - 5, x + 10, place + 5), fill=colour)
            x += 18
        canvas.text((x, place), words, font=font(_SIZE, bold=not number), fill=colour, anchor="lm")
        x += canvas.textlength(words, font=font(_SIZE, bold=not number)) + min(28, columns / 40)


def _colour(fits: bool) -> Colour:  # noqa: FBT001 - the one thing that decides
    return _FINGERPRINT if fits else _FAILED
