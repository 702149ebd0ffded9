"""The right-hand side of the window: what is said, the bars, and the overlay's controls."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from core.types import LABELS, Label
from training.gui.design import Type
from training.gui.drawings import Bars
from training.gui.state import Entry, Shown

WIDTH = 300


class Result(ttk.Frame):
    """The chosen entry's headline, its bars, and whose overlay is shown how strongly."""

    def __init__(self, parent: tk.Misc, *, kind: Type, px: float) -> None:
        self._room = round(16 * px)
        super().__init__(parent, padding=self._room, width=round(WIDTH * px))
        self._telling = False
        self._label, self._opacity = tk.StringVar(self), tk.DoubleVar(self)
        self._title, self._file = ttk.Label(self, style="Title.TLabel"), ttk.Label(self, style="Soft.TLabel")
        self._headline = ttk.Label(self)
        self._detail = ttk.Label(self, style="TLabel", justify="left")
        self._bars = Bars(self, kind=kind, px=px)
        self._overlay = self._controls()
        for label in (self._file, self._detail, self._headline, self._title, self._says):
            label.configure(wraplength=round((WIDTH - 32) * px))
        for part in (self._title, self._file, self._headline, self._detail):
            part.pack(fill="x")
        self._headline.pack_configure(pady=(self._room, 0))
        self._detail.pack_configure(pady=(0, self._room))
        ttk.Frame(self, width=round((WIDTH - 32) * px)).pack(side="bottom")

    def connect(self, lay_over: Callable[[Label], None], fade: Callable[[float], None]) -> None:
        """Tell whoever decides of another label or another opacity."""

        def labelled(*_: str) -> None:
            if self._telling:
                lay_over(Label(self._label.get()))

        def faded(*_: str) -> None:
            if self._telling:
                fade(self._opacity.get())

        self._label.trace_add("write", labelled)
        self._opacity.trace_add("write", faded)

    def show(self, shown: Shown) -> None:
        """Draw the chosen entry and the controls as they stand; what is set here is nobody's act."""
        entry = shown.entry
        self._telling = False
        self._label.set(shown.label.value)
        self._opacity.set(shown.opacity)
        self._telling = True
        self._tell(entry)
        self._bars.show(entry.probabilities if entry else None)
        self._says.configure(text=_said_of_overlay(entry, shown.label))
        _there(self._bars, bool(entry and entry.probabilities), pady=(0, self._room))
        _there(self._overlay, bool(entry and entry.probabilities and entry.panels))

    def _tell(self, entry: Entry | None) -> None:
        self._title.configure(text=entry.title if entry else "")
        self._file.configure(text=entry.subtitle if entry else "")
        self._headline.configure(text=entry.headline if entry else "")
        if entry:
            self._headline.configure(style=f"{entry.tone.value}.Headline.TLabel")
        self._detail.configure(text=entry.detail if entry else "")

    def _controls(self) -> ttk.Frame:
        frame = ttk.Frame(self)
        ttk.Label(frame, text="Where the model looked", style="Title.TLabel").pack(fill="x")
        row = ttk.Frame(frame)
        row.pack(fill="x", pady=(self._room // 2, self._room // 2))
        for column, label in enumerate(LABELS):
            row.columnconfigure(column, weight=1)
            button = ttk.Radiobutton(
                row, text=label.value.capitalize(), value=label.value, variable=self._label, style="Label.Toolbutton"
            )
            button.grid(row=0, column=column, sticky="ew")
        slider = ttk.Scale(frame, from_=0, to=1, variable=self._opacity)
        slider.pack(fill="x")
        slider.bind("<Button-1>", lambda _: slider.focus_set())
        for key, step in (("Left", -0.05), ("Right", 0.05), ("Down", -0.05), ("Up", 0.05)):
            slider.bind(f"<{key}>", lambda _, step=step: self._step(step))  # type: ignore[misc]
        self._says = ttk.Label(frame, style="Soft.TLabel")
        self._says.pack(fill="x", pady=(self._room // 2, 0))
        return frame

    def _step(self, step: float) -> str:
        self._opacity.set(min(1.0, max(0.0, self._opacity.get() + step)))
        return "break"


def _there(part: tk.Widget, wanted: bool, *, pady: tuple[int, int] = (0, 0)) -> None:  # noqa: FBT001 - one meaning
    """Show a part at the end of what is shown, or take it away."""
    if not wanted:
        part.pack_forget()
    elif not part.winfo_manager():
        part.pack(fill="x", pady=pady)


def _said_of_overlay(entry: Entry | None, label: Label) -> str:
    if not entry or not entry.panels:
        return ""
    place = LABELS.index(label)
    if not any(panel.activation[..., place].any() for panel in entry.panels):
        return f"Nothing in the picture speaks for {label.value}."
    return f"Green: what speaks most for {label.value} (Grad-CAM, each picture scaled by itself)."
