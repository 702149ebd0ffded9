"""What somebody can do at the window, and how the window asks for files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tkinter import filedialog
from typing import Protocol

from core.types import Label

_FILES = [("Screens", "*.dcm *.DCM *.png *.PNG *.jpg *.jpeg *.JPG *.JPEG"), ("All files", "*")]
_MODELS = [("Model", "card.json *.keras *.h5"), ("All files", "*")]


class Acts(Protocol):
    """What somebody can do at the window."""

    def open(self, paths: Sequence[Path]) -> None:
        """Read and classify."""

    def choose_model(self, name: str) -> None:
        """Load another model."""

    def choose(self, place: int) -> None:
        """Show another line of the list."""

    def lay_over(self, label: Label) -> None:
        """Another label's overlay."""

    def fade(self, opacity: float) -> None:
        """Another opacity."""


@dataclass(frozen=True, slots=True)
class Dialogs:
    """How files are asked for; empty where somebody thought better of it."""

    files: Callable[[], Sequence[str]] = lambda: filedialog.askopenfilenames(title="Screens", filetypes=_FILES) or ()
    folder: Callable[[], str] = lambda: filedialog.askdirectory(title="A study's folder", mustexist=True) or ""
    model: Callable[[], str] = lambda: (
        filedialog.askopenfilename(title="A model's card or Keras file", filetypes=_MODELS) or ""
    )
