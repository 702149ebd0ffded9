"""From the command to the window: is there Tk and a display, then everything is put together."""

import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerfuscopeError
from training.answers import Known

if TYPE_CHECKING:
    import tkinter as tk

NO_TK = (
    "The window needs Tk, which this Python lacks: install it (Debian, Ubuntu: apt-get install python3-tk), "
    "or use perfuscope predict."
)
NO_DISPLAY = (
    "There is no display to open a window on: set DISPLAY, connect with ssh -X, or use perfuscope predict instead."
)


def run(paths: Sequence[Path], *, model: str | None, known: Known) -> None:
    """Open the window and stay until it is closed; PerfuscopeError if there is no Tk or no display."""
    root = open_root()
    from training.gui.desk import Desk  # noqa: PLC0415 - these need Tk
    from training.gui.presenter import Presenter  # noqa: PLC0415
    from training.gui.thread import Thread  # noqa: PLC0415
    from training.gui.window import Window  # noqa: PLC0415

    window, thread = Window(root), Thread(root)
    presenter = Presenter(Desk(known), work=thread, show=window.show)
    window.connect(presenter)
    presenter.start(paths, model=model)
    signal.signal(signal.SIGINT, lambda *_: root.quit())
    try:
        root.mainloop()
    finally:
        thread.stop()
        root.destroy()


def open_root() -> "tk.Tk":
    """An empty window; PerfuscopeError says what to install or set."""
    if find_spec("tkinter") is None or find_spec("_tkinter") is None:
        raise PerfuscopeError(NO_TK)
    import tkinter as tk  # noqa: PLC0415 - not every Python has it

    try:
        return tk.Tk(className="Perfuscope")
    except tk.TclError:
        raise PerfuscopeError(NO_DISPLAY) from None
