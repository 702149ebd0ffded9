"""Simulated screens with text where none belongs, and what became of them: stored or kept back, rightly or not."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import View
from dicom_node import layouts
from dicom_node.prepare import screen
from dicom_node.textcheck import Engine, find_text
from training.phantom.cohort import SimulatedPatient, simulate

SEED = 4242
TEXTS = (
    "DOE^JANE",
    "MUSTER MAX",
    "ID 483920",
    "12.03.1948",
    "SIM-S5-000123",
    "Nobody, Ash",
    "F 1950-11-02",
    "OAK^PHANTOM",
)
COLOURS = ((255, 255, 255), (255, 255, 0), (0, 255, 0), (0, 0, 0), (255, 0, 0), (160, 160, 160), (0, 255, 255))
WAYS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (-1, -1, -1), (1, 0, 0), (0, 0, 1), (0, 1, 0))
CONTRASTS = (4, 6, 10, 20, 60, 255)
KINDS = (
    "inside",
    "inside",
    "inside",
    "across",
    "outside",
    "margin",
    "genuine",
    "shifted",
    "scaled",
    "shifted and inside",
)
READABLE_CHARACTERS = 3
READABLE_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One screen: whose, what was done to it, and the planted text."""

    index: int
    layout: str
    view: View
    kind: str
    size_px: int = 0
    contrast: int = 0
    colour: tuple[int, int, int] = (0, 0, 0)
    text: str = ""
    shift: tuple[int, int] = (0, 0)
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a screen."""

    case: Case
    readable: int
    """Planted characters that lie in the kept circles with enough contrast."""
    touched: bool
    """Whether a kept pixel, a ring or the title is not the genuine screen's."""
    outcome: str
    """``stored``, ``text_found`` or the code it was refused with."""
    same: bool
    """Whether a stored crop holds the source's pixels byte by byte, and black beside."""
    seen_on: tuple[str, ...] = ()

    @property
    def leaked(self) -> bool:
        """Readable text in a stored crop."""
        return self.outcome == "stored" and self.readable >= READABLE_CHARACTERS

    @property
    def undeserved(self) -> bool:
        """Kept back although nothing was wrong with what is kept or with what the layout is known by."""
        moved = self.case.shift != (0, 0) or self.case.scale != 1.0
        return self.outcome != "stored" and not self.touched and not moved


def case(number: int, *, seed: int = SEED) -> Case:
    """The number-th screen; the same arguments give the same one."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    layout = layouts.shipped()[number // len(KINDS) % 2].name
    view = list(View)[int(rng.integers(3))]
    made = Case(index=number // 20, layout=layout, view=view, kind=kind)
    if kind == "scaled":
        return replace(made, scale=float(rng.choice([0.96, 0.98, 0.99, 1.01, 1.02, 1.04])))
    if kind.startswith("shifted"):
        step = [(x, y) for x in range(-2, 3) for y in range(-2, 3) if (x, y) != (0, 0)]
        made = replace(made, shift=step[int(rng.integers(len(step)))])
    if kind in ("genuine", "shifted"):
        return made
    contrast = int(rng.choice(CONTRASTS))
    palette = COLOURS if contrast == 255 else WAYS
    return replace(
        made,
        size_px=int(rng.integers(7, 19)),
        contrast=contrast,
        colour=palette[int(rng.integers(len(palette)))],
        text=TEXTS[int(rng.integers(len(TEXTS)))],
    )


def judge(one: Case, engine: Engine, *, seed: int = SEED) -> Verdict:
    """Take a screen through recognition, crop and the search for text, and look at what comes out."""
    genuine = _patient(seed, one.index, one.layout).screens[one.view]
    layout = next(layout for layout in layouts.shipped() if layout.name == one.layout)
    shown, letters = _planted(genuine, one, layout, seed)
    shown = _moved(shown, one)
    kept, known_by = _kept(layout, one.view, shown.shape), _known_by(layout, one.view, shown.shape)
    changed = np.any(shown != genuine, axis=2) if shown.shape == genuine.shape else np.ones(shown.shape[:2], bool)
    readable = sum(_readable(letter, genuine, shown, kept) for letter in letters)
    touched = bool((changed & (kept | known_by)).any())
    try:
        match, crop = screen(shown, layouts=layouts.shipped())
    except Rejected as rejected:
        return Verdict(one, readable, touched, rejected.reason.value, same=True)
    found = find_text(crop, engine, allowed=(), palette=match.layout.palette)
    outcome = "text_found" if found.found else "stored"
    seen_on = tuple(sorted({place.seen_on for place in found.places}))
    return Verdict(one, readable, touched, outcome, _same(crop, match, shown), seen_on)


def plain(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON."""
    c = verdict.case
    return {
        **{
            key: getattr(c, key)
            for key in ("index", "layout", "kind", "size_px", "contrast", "colour", "shift", "scale")
        },
        "view": c.view.value,
        **{key: getattr(verdict, key) for key in ("readable", "touched", "outcome", "same", "seen_on")},
        "leaked": verdict.leaked,
        "undeserved": verdict.undeserved,
    }


@lru_cache(maxsize=4)
def _patient(seed: int, index: int, layout: str) -> SimulatedPatient:
    return simulate(seed, index, layout=layout)


def _kept(layout: layouts.Layout, view: View, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The circles by the layout's words, reckoned anew: not by the code under test."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    kept = np.zeros(shape[:2], bool)
    for panel in _screen(layout, view).panels:
        kept |= np.hypot(columns - panel.centre[0], rows - panel.centre[1]) <= panel.radius
    return kept


def _known_by(layout: layouts.Layout, view: View, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rings and titles."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    known = np.zeros(shape[:2], bool)
    for panel in _screen(layout, view).panels:
        distance = np.hypot(columns - panel.centre[0], rows - panel.centre[1])
        known |= (distance > panel.radius) & (distance <= panel.radius + layout.ring.width)
    for caption in _screen(layout, view).captions:
        known[caption.box.slices] = True
    return known


def _screen(layout: layouts.Layout, view: View) -> layouts.ViewLayout:
    return next(screen for screen in layout.views if screen.view is view)


def _planted(
    genuine: RgbImage, one: Case, layout: layouts.Layout, seed: int
) -> tuple[RgbImage, list[NDArray[np.float32]]]:
    """The screen with the text, and each character's coverage of the pixels, 0 to 1."""
    if not one.text:
        return genuine, []
    letters = _letters(one, layout, np.random.default_rng([seed, one.index, one.size_px, one.contrast]), genuine.shape)
    ink = np.clip(sum(letters), 0, 1)[..., None]
    colour = np.array(one.colour, np.float32)
    mixed = genuine * (1 - ink) + ink * colour if one.contrast == 255 else genuine + ink * colour * one.contrast
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8), letters


def _letters(
    one: Case, layout: layouts.Layout, rng: np.random.Generator, shape: tuple[int, ...]
) -> list[NDArray[np.float32]]:
    font = ImageFont.load_default(one.size_px)
    width = font.getlength(one.text)
    x, y = _place(one, layout, rng, width, shape)
    letters = []
    for k, letter in enumerate(one.text):
        image = Image.new("L", (shape[1], shape[0]))
        place = (x - width / 2 + font.getlength(one.text[:k]), y)
        ImageDraw.Draw(image).text(place, letter, font=font, fill=255, anchor="lm")
        letters.append(np.asarray(image, np.float32) / 255)
    return letters


def _place(
    one: Case, layout: layouts.Layout, rng: np.random.Generator, width: float, shape: tuple[int, ...]
) -> tuple[int, int]:
    """The middle of the text: wholly in a circle, on its edge, near it, or at the screen's margin."""
    panels = _screen(layout, one.view).panels
    panel = panels[int(rng.integers(len(panels)))]
    (cx, cy), radius = panel.centre, panel.radius
    if one.kind == "margin":
        return int(rng.integers(60, shape[1] - 60)), int(rng.choice([8, shape[0] - 8]))
    angle = rng.uniform(0, 2 * np.pi)
    if "inside" in one.kind:
        reach = max(radius - width / 2 - one.size_px, 1) * np.sqrt(rng.uniform())
    else:
        reach = radius if one.kind == "across" else radius + width / 2 + one.size_px + layout.ring.width + 4
    x, y = int(cx + reach * np.cos(angle)), int(cy + reach * np.sin(angle))
    return min(max(x, 5), shape[1] - 5), min(max(y, 5), shape[0] - 5)


def _moved(pixels: RgbImage, one: Case) -> RgbImage:
    if one.shift != (0, 0):
        return np.roll(pixels, one.shift, axis=(1, 0))
    if one.scale != 1.0:
        rows, columns = pixels.shape[:2]
        large = Image.fromarray(pixels).resize((int(columns * one.scale), int(rows * one.scale)))
        fitted = Image.new("RGB", (columns, rows))
        fitted.paste(large)
        return np.asarray(fitted)
    return pixels


def _readable(letter: NDArray[np.float32], genuine: RgbImage, shown: RgbImage, kept: NDArray[np.bool_]) -> bool:
    """Whether four fifths of a character are kept, with a contrast of four grey levels in some channel."""
    ink = letter > 0.5 * max(float(letter.max()), 0.01)
    if letter.max() == 0 or shown.shape != genuine.shape or np.mean(kept[ink]) < 0.8:
        return False
    differences = np.abs(shown[ink].astype(np.int16) - genuine[ink]).max(axis=1)
    return bool(np.median(differences) >= READABLE_LEVELS)


def _same(crop: layouts.Crop, match: layouts.Match, shown: RgbImage) -> bool:
    """Whether each kept pixel is the source's and every other is black."""
    expected = np.zeros_like(crop.pixels)
    for panel in match.screen.panels:
        box = crop.boxes[panel.name]
        (cx, cy), r = panel.centre, panel.radius
        rows, columns = np.ogrid[-r:r, -r:r]
        tile = shown[cy - r : cy + r, cx - r : cx + r] * (np.hypot(columns, rows) <= r)[..., None]
        expected[box.slices] = tile
    return bool(np.array_equal(expected, crop.pixels))
