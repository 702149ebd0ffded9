"""The two things the window draws itself: the pictures with their overlay, and the bars."""

import tkinter as tk
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageTk

from core.pixels import RgbImage
from core.types import LABELS, Label, Probabilities
from models import overlay
from training.gui import design
from training.gui.design import Type
from training.gui.state import Panel, Tone


class Pictures(tk.Canvas):
    """The panels of an entry side by side, as large as fits, each under its class activation map."""

    def __init__(self, parent: tk.Misc, *, kind: Type, px: float) -> None:
        super().__init__(parent, background=design.GROUND, highlightthickness=0, width=1, height=1)
        self._type, self._px = kind, px
        self._panels: tuple[Panel, ...] = ()
        self._label, self._opacity, self._empty = Label.NORMAL, 0.0, ""
        self._held: list[ImageTk.PhotoImage] = []
        self._ready: dict[tuple[int, int, Label], tuple[RgbImage, NDArray[np.float32]]] = {}
        self.bind("<Configure>", self._other_size)

    def show(self, panels: tuple[Panel, ...], *, label: Label, opacity: float, empty: str) -> None:
        """Draw panels; with none, the text ``empty``."""
        if panels is not self._panels:
            self._ready = {}
        self._panels, self._label, self._opacity, self._empty = panels, label, opacity, empty
        self._draw()

    def _other_size(self, _: object) -> None:
        self._ready = {}
        self._draw()

    def _draw(self) -> None:
        self.delete("all")
        self._held = []
        width, height = self.winfo_width(), self.winfo_height()
        if width < 10 or height < 10:
            return
        if not self._panels:
            self.create_text(
                width / 2,
                height / 2,
                text=self._empty,
                fill=design.SOFT,
                font=self._type["body"],
                justify="center",
                width=width * 0.8,
            )
            return
        gap, caption = round(12 * self._px), round(self._type["small"].metrics("linespace") * 1.5)
        columns, side = fit(len(self._panels), width=width, height=height, gap=gap, caption=caption)
        rows = ceil(len(self._panels) / columns)
        top = (height - rows * (side + caption) - (rows - 1) * gap) / 2
        for place, panel in enumerate(self._panels):
            in_row = min(columns, len(self._panels) - place // columns * columns)
            left = (width - in_row * side - (in_row - 1) * gap) / 2 + place % columns * (side + gap)
            self._draw_panel(panel, round(left), round(top + place // columns * (side + caption + gap)), side, caption)

    def _draw_panel(self, panel: Panel, left: int, top: int, side: int, caption: int) -> None:
        key = (id(panel), side, self._label)
        if key not in self._ready:
            self._ready[key] = overlay.resized(panel.crop, side), _heat(panel, self._label, side)
        pixels = overlay.laid_over(*self._ready[key], self._opacity)
        photo = ImageTk.PhotoImage(Image.fromarray(pixels), master=self)
        self._held.append(photo)  # Tk keeps no reference of its own
        self.create_text(left, top, text=panel.caption, anchor="nw", fill=design.SOFT, font=self._type["small"])
        self.create_image(left, top + caption, image=photo, anchor="nw")


def _heat(panel: Panel, label: Label, side: int) -> NDArray[np.float32]:
    activation = panel.activation[..., LABELS.index(label)]
    if panel.circles is None:
        return overlay.enlarged(activation, side)
    return overlay.on_each(activation, panel.circles, side, of=len(panel.crop))


def fit(count: int, *, width: int, height: int, gap: int, caption: int) -> tuple[int, int]:
    """How many columns, and the side in pixels, so that ``count`` squares with captions are as large as can be."""
    best = (1, 1)
    for columns in range(1, count + 1):
        rows = ceil(count / columns)
        side = min((width - (columns - 1) * gap) // columns, (height - (rows - 1) * gap) // rows - caption)
        best = max(best, (columns, side), key=lambda found: found[1])
    return best[0], max(1, best[1])


class Bars(tk.Canvas):
    """A bar a label, with its name and its probability."""

    def __init__(self, parent: tk.Misc, *, kind: Type, px: float) -> None:
        super().__init__(parent, background=design.CARD, highlightthickness=0, width=1, height=1)
        self._type, self._px = kind, px
        self._probabilities: Probabilities | None = None
        self.bind("<Configure>", lambda _: self._draw())

    def show(self, probabilities: Probabilities | None) -> None:
        """Draw the bars of all labels; empty tracks where nothing is said."""
        self._probabilities = probabilities
        self._draw()

    def _draw(self) -> None:
        self.delete("all")
        line, thick = self._type["body"].metrics("linespace"), round(8 * self._px)
        pitch = line + thick + round(16 * self._px)
        self.configure(height=len(LABELS) * pitch)
        for place, label in enumerate(LABELS):
            self._draw_bar(label, place * pitch, line, thick)

    def _draw_bar(self, label: Label, top: int, line: int, thick: int) -> None:
        width = self.winfo_width()
        p = self._probabilities
        first = p is not None and p.label is label
        ink, font = design.INK if first else design.SOFT, self._type["body"]
        self.create_text(0, top, text=label.value.capitalize(), anchor="nw", fill=ink, font=font)
        self.create_text(width, top, text=f"{p[label]:.1%}" if p else "", anchor="ne", fill=ink, font=font)
        under = top + line + round(4 * self._px)
        self.create_rectangle(0, under, width, under + thick, fill=design.TRACK, width=0)
        if p:
            colour = design.TONES[Tone(label.value)]
            self.create_rectangle(0, under, max(1, round(width * p[label])), under + thick, fill=colour, width=0)
