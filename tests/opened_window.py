"""A window of ``perfuscope gui`` with everything behind it, as a test or a picture needs it."""

import time
import tkinter as tk
from collections.abc import Callable
from pathlib import Path
from tkinter import ttk
from typing import Any

import numpy as np
from display import Display

from core.settings import Settings
from training.answers import Known
from training.gui.acts import Dialogs
from training.gui.desk import Desk
from training.gui.presenter import Presenter
from training.gui.start import open_root
from training.gui.thread import Thread
from training.gui.window import Window


class Opened:
    """A window with everything behind it; the dialogs answer what a test puts into ``chosen``."""

    def __init__(self, display: Display) -> None:
        self.display, self.chosen = display, dict[str, list[str]]()
        self.root = open_root()
        dialogs = Dialogs(self._answer("files"), self._one("folder"), self._one("model"))
        self.window, self.thread = Window(self.root, dialogs=dialogs), Thread(self.root)
        self.presenter = Presenter(Desk(Known.of(Settings())), work=self.thread, show=self.window.show)
        self.window.connect(self.presenter)
        self.presenter.start([], model=None)
        self.root.focus_force()
        self.settle()

    def _answer(self, kind: str) -> Callable[[], list[str]]:
        return lambda: self.chosen.get(kind, [])

    def _one(self, kind: str) -> Callable[[], str]:
        return lambda: next(iter(self.chosen.get(kind, [])), "")

    def settle(self) -> None:
        """Let Tk and the thread finish what they have to do."""
        end = time.monotonic() + 30
        quiet = 0
        while quiet < 5:
            assert time.monotonic() < end, "the window is still at work"
            self.root.update()
            quiet = 0 if self.presenter.shown.busy else quiet + 1
            time.sleep(0.01)

    def press(self, keys: str, on: tk.Misc | None = None) -> None:
        (on or self.root).event_generate(keys)
        self.settle()

    def open(self, *paths: Path) -> None:
        self.chosen["files"] = [str(path) for path in paths]
        self.press("<Control-o>")

    def words(self) -> str:
        """Every word that can be read, but for those drawn by hand."""
        return "\n".join(str(part["text"]) for part in self.parts(ttk.Label, ttk.Radiobutton) if part.winfo_viewable())

    def drawn(self) -> list[str]:
        """The words on the canvases."""
        canvases = [part for part in self.parts(tk.Canvas) if isinstance(part, tk.Canvas) and part.winfo_viewable()]
        return [c.itemcget(i, "text") for c in canvases for i in c.find_all() if c.type(i) == "text"]

    def parts(self, *kinds: type[tk.Misc]) -> list[tk.Misc]:
        found, waiting = [], [self.root]
        while waiting:
            part: tk.Misc = waiting.pop(0)
            found.append(part)
            waiting.extend(part.winfo_children())
        return [part for part in found if isinstance(part, kinds)]

    def part(self, kind: type[tk.Misc], text: str) -> Any:
        return next(part for part in self.parts(kind) if str(part["text"]).startswith(text))

    def pixels(self) -> np.ndarray:
        return np.asarray(self.display.seen(self.root))

    def cut_off(self) -> list[str]:
        """The parts that stand out of the window or got less room than they need."""
        whole = (self.root.winfo_rootx() + self.root.winfo_width(), self.root.winfo_rooty() + self.root.winfo_height())
        seen = [p for p in self.parts(ttk.Label, ttk.Button, ttk.Radiobutton, ttk.Scale) if p.winfo_viewable()]
        return [
            f"{part} {part.winfo_height()} of {part.winfo_reqheight()}"
            for part in seen
            if part.winfo_rootx() + part.winfo_width() > whole[0]
            or part.winfo_rooty() + part.winfo_height() > whole[1]
            or part.winfo_height() < part.winfo_reqheight()
        ]

    def close(self) -> None:
        self.thread.stop()
        self.root.destroy()
