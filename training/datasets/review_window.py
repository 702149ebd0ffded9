"""The window of ``dataset review``: a candidate beside its nearest real neighbours, accepted or rejected by key."""

import tkinter as tk
from pathlib import Path
from tkinter import ttk

from PIL import Image, ImageTk

from training.datasets import manifest as manifests
from training.datasets import pictures, reviewing
from training.datasets.manifest import Candidate, CropPicture

_LARGE, _SMALL = 440, 270
_KEYS = "a accept    r reject    u undo    q stop and keep"


class ReviewWindow:
    """Shows one candidate after the other until none waits; every decision is saved at once."""

    def __init__(self, root: tk.Tk, folder: Path, *, by: str) -> None:
        self._root, self._folder, self._by = root, folder, by
        self._manifest = manifests.load(folder)
        self._done: list[str] = []
        self._pictures: list[ImageTk.PhotoImage] = []
        root.title("Perfuscope: review of synthetic pictures")
        self._head = ttk.Label(root, font=("TkDefaultFont", 13, "bold"))
        self._head.pack(padx=12, pady=(10, 0), anchor="w")
        self._about = ttk.Label(root, wraplength=1280, justify="left")
        self._about.pack(padx=12, anchor="w")
        self._row = ttk.Frame(root)
        self._row.pack(padx=12, pady=8)
        self._foot()
        for key in "aruq":
            root.bind(key, self._pressed)
        root.bind("<Escape>", lambda _: self._root.destroy())
        self._show()

    def _foot(self) -> None:
        foot = ttk.Frame(self._root)
        foot.pack(fill="x", padx=12, pady=(0, 10))
        for words, key in (("Accept (a)", "a"), ("Reject (r)", "r"), ("Undo (u)", "u"), ("Stop (q)", "q")):
            ttk.Button(foot, text=words, command=lambda key=key: self._act(key)).pack(side="left", padx=(0, 6))  # type: ignore[misc]
        ttk.Label(foot, text=f"{_KEYS}    deciding: {self._by}").pack(side="right")

    @property
    def current(self) -> Candidate | None:
        """The candidate that is shown; None when none waits."""
        return next(iter(reviewing.pending(self._manifest)), None)

    def _pressed(self, event: "tk.Event[tk.Misc]") -> None:
        self._act(event.keysym.lower())

    def _act(self, key: str) -> None:
        if key == "q":
            self._root.destroy()
            return
        if key == "u":
            self._undo()
        elif self.current is not None:
            file = self.current.crop.file
            self._manifest = reviewing.decide(self._folder, file, accepted=key == "a", by=self._by)
            self._done.append(file)
        self._show()

    def _undo(self) -> None:
        if self._done:
            self._manifest = reviewing.decide(self._folder, self._done.pop(), accepted=None, by=self._by)

    def _show(self) -> None:
        for child in self._row.winfo_children():
            child.destroy()
        self._pictures.clear()
        accepted, rejected, waiting = reviewing.tally(self._manifest.candidates)
        self._head["text"] = f"{accepted} accepted, {rejected} rejected, {waiting} waiting"
        candidate = self.current
        if candidate is None:
            self._about["text"] = "Nothing waits. u takes the last decision back, q closes."
            return
        asked = f"; asked for: {candidate.prompt}" if candidate.prompt else ""
        self._about["text"] = (
            f"{candidate.case}, {candidate.view.caption}, said to be {candidate.label.value}, "
            f"from {candidate.generator}{asked}. Could it be a real patient's screen?"
        )
        self._picture(candidate.crop, _LARGE, f"candidate: {candidate.label.value}")
        for near in reviewing.neighbours(self._manifest, candidate):
            crop = near.patient.views[candidate.view].crop
            if crop is not None:
                self._picture(crop, _SMALL, f"original: {near.patient.label.value}\ndistance {near.distance:.2f}")

    def _picture(self, crop: CropPicture, side: int, words: str) -> None:
        path = self._folder / crop.file
        pixels = pictures.decoded(pictures.content(path), path)
        shown = ImageTk.PhotoImage(Image.fromarray(pixels).resize((side, side)), master=self._root)
        self._pictures.append(shown)  # Tk keeps no reference of its own
        cell = ttk.Frame(self._row)
        cell.pack(side="left", padx=6, anchor="n")
        tk.Label(cell, image=shown, bg="black").pack()
        ttk.Label(cell, text=words, justify="center").pack()


def review(folder: Path, *, by: str) -> None:
    """Open the window and return when it is closed; tk.TclError without a display."""
    root = tk.Tk()
    ReviewWindow(root, folder, by=by)
    root.mainloop()
