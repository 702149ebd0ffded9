"""The window's design: one dark ground, one scale of type, one colour a meaning."""

import tkinter as tk
from dataclasses import dataclass
from tkinter import font as fonts
from tkinter import ttk
from typing import Any

from PIL import Image, ImageDraw, ImageTk

from training.gui.state import Tone

GROUND = "#0b0d0f"
CARD = "#14181b"
RAISED = "#1c2125"
RULE = "#2b3136"
TRACK = "#2a3035"
INK = "#e9ecee"
SOFT = "#b2b9bf"
LINK = "#8fd0f3"
CAUTION = "#f0e442"
TONES = {
    Tone.NORMAL: "#56b4e9",
    Tone.ISCHEMIA: "#e69f00",
    Tone.INFARCTION: "#f08040",
    Tone.REVIEW: CAUTION,
    Tone.REFUSED: "#ff8f8f",
}
"""The colours of the pages, so that one word has one colour everywhere."""

_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "DejaVu Sans", "Helvetica")
_SIZES = {"small": 10, "body": 11, "title": 13, "headline": 26}
"""Points at 96 dots an inch, times three quarters; Tk's own points follow the display's resolution."""
_SMALLEST, _LARGEST = 0.7, 2.5


@dataclass(slots=True)
class Type:
    """The scale of type: four named fonts that grow and shrink together."""

    named: dict[str, fonts.Font]
    factor: float = 1.0

    def __getitem__(self, name: str) -> fonts.Font:
        return self.named[name]

    def zoom(self, step: float) -> None:
        """Larger or smaller type, within what stays readable; 0 goes back to the beginning."""
        self.factor = 1.0 if step == 0 else min(_LARGEST, max(_SMALLEST, self.factor * step))
        for name, font in self.named.items():
            font.configure(size=round(_SIZES[name] * self.factor))


def scale_of(root: tk.Tk) -> float:
    """How many of the display's pixels one of the design's pixels is; 1 at 96 dots an inch, never below."""
    return max(1.0, root.winfo_fpixels("1i") / 96)


def type_of(root: tk.Tk) -> Type:
    """The fonts, in the first family that the display has."""
    there = set(fonts.families(root))
    family = next((name for name in _FAMILIES if name in there), "TkDefaultFont")
    made = {
        name: fonts.Font(root, family=family, size=size, weight="bold" if name in {"title", "headline"} else "normal")
        for name, size in _SIZES.items()
    }
    for standard in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont"):
        fonts.nametofont(standard, root).configure(family=family, size=_SIZES["body"])
    return Type(made)


def dress(root: tk.Tk, kind: Type, px: float) -> tuple[ImageTk.PhotoImage, ...]:
    """Give the window and the dialogs that Tk draws itself the design's colours; keep what is returned."""
    root.configure(background=GROUND)
    root.option_add("*background", CARD)
    root.option_add("*foreground", INK)
    root.option_add("*selectBackground", RULE)
    root.option_add("*selectForeground", INK)
    root.option_add("*highlightBackground", CARD)
    style = ttk.Style(root)
    style.theme_use("clam")
    edges: dict[str, Any] = {"bordercolor": RULE, "lightcolor": RULE, "darkcolor": RULE, "focuscolor": LINK}
    style.configure(".", background=CARD, foreground=INK, font=kind["body"], troughcolor=TRACK, **edges)
    style.configure(".", fieldbackground=RAISED, insertcolor=INK, selectbackground=RULE, selectforeground=INK)
    style.map(".", foreground=[("disabled", SOFT)])
    _dress_words(style, kind)
    _dress_controls(style, kind, px)
    return _dress_slider(root, style, px)


def _dress_words(style: ttk.Style, kind: Type) -> None:
    for name in ("TFrame", "TLabel"):
        style.configure(f"Ground.{name}", background=GROUND)
    style.configure("Brand.TLabel", background=GROUND, font=kind["title"])
    style.configure("Title.TLabel", font=kind["title"])
    style.configure("Soft.TLabel", foreground=SOFT, font=kind["small"])
    style.configure("Foot.TLabel", background=GROUND, foreground=SOFT, font=kind["small"])
    style.configure("Caution.TLabel", background=GROUND, foreground=CAUTION, font=kind["small"])
    style.configure("Notice.TLabel", background=GROUND, foreground=INK)
    for tone, colour in TONES.items():
        style.configure(f"{tone.value}.Headline.TLabel", foreground=colour, font=kind["headline"])


def _dress_controls(style: ttk.Style, kind: Type, px: float) -> None:
    room = (round(14 * px), round(7 * px))
    flat: dict[str, Any] = {
        "relief": "flat",
        "borderwidth": 1,
        "bordercolor": RULE,
        "lightcolor": RAISED,
        "darkcolor": RAISED,
    }
    states = [("pressed", RULE), ("active", RULE)]
    focus = [("focus", LINK)]
    style.configure("TButton", background=RAISED, padding=room, **flat)
    style.map("TButton", background=states, bordercolor=focus, lightcolor=focus, darkcolor=focus)
    style.configure("Entry.Toolbutton", background=CARD, anchor="w", padding=(round(12 * px), round(9 * px)), **flat)
    style.configure("Label.Toolbutton", background=CARD, padding=(round(10 * px), round(5 * px)), **flat)
    style.configure("Label.Toolbutton", font=kind["small"], anchor="center")
    for name in ("Entry.Toolbutton", "Label.Toolbutton"):
        style.map(
            name,
            background=[("selected", RULE), ("active", RAISED)],
            bordercolor=[("focus", LINK), ("selected", RULE)],
            lightcolor=[("focus", LINK)],
            darkcolor=[("focus", LINK)],
        )
    thin: dict[str, Any] = {"thickness": round(3 * px), "borderwidth": 0}
    style.configure("Horizontal.TProgressbar", background=LINK, troughcolor=GROUND, **thin)
    style.map("Horizontal.TProgressbar", bordercolor=[("!disabled", GROUND)])


def dots(root: tk.Tk, px: float) -> dict[Tone, ImageTk.PhotoImage]:
    """A small disc a tone, for lists."""
    size = round(10 * px)
    return {tone: _disc(root, (size + round(10 * px), size), size / 2, colour) for tone, colour in TONES.items()}


def _dress_slider(root: tk.Tk, style: ttk.Style, px: float) -> tuple[ImageTk.PhotoImage, ...]:
    """A round knob on a thin line; Tk keeps no reference to the pictures it is made of."""
    side = round(18 * px)
    knobs = [_disc(root, (side, side), side / 2, colour) for colour in (SOFT, LINK, INK)]
    line = Image.new("RGB", (side, side), CARD)
    line.paste(TRACK, (0, side // 2 - round(2 * px), side, side // 2 + round(2 * px)))
    track = ImageTk.PhotoImage(line, master=root)
    style.element_create("Round.slider", "image", knobs[0], ("focus", knobs[1]), ("active", knobs[2]))
    style.element_create("Thin.trough", "image", track, border=2, sticky="ew")
    style.layout(
        "Horizontal.TScale",
        [("Thin.trough", {"sticky": "nswe", "children": [("Round.slider", {"side": "left", "sticky": ""})]})],
    )
    return (*knobs, track)


def _disc(root: tk.Tk, size: tuple[int, int], radius: float, colour: str) -> ImageTk.PhotoImage:
    """A disc at the left of a transparent picture, drawn four times as large for smooth edges."""
    large = Image.new("RGBA", (size[0] * 4, size[1] * 4))
    ImageDraw.Draw(large).ellipse(
        (0, size[1] * 2 - radius * 4, radius * 8 - 1, size[1] * 2 + radius * 4 - 1), fill=colour
    )
    return ImageTk.PhotoImage(large.resize(size, Image.Resampling.LANCZOS), master=root)
