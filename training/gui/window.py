"""The window: a thin view that draws what the presenter says and tells it what somebody did."""

import tkinter as tk
from functools import partial
from pathlib import Path
from tkinter import ttk

from core import DISCLAIMER, TRAINED_ON
from training.gui import design
from training.gui.acts import Acts, Dialogs
from training.gui.drawings import Pictures
from training.gui.result import Result
from training.gui.state import Entry, Shown

SMALLEST = (900, 660)
FIRST = (1180, 740)
EMPTY = (
    "Choose the QPS, Stress QGS and Rest QGS screens of a study, one of them, or the folder they lie in.\n\n"
    "Ctrl+O files     Ctrl+Shift+O folder     Ctrl+M model\n\n"
    "Shown is only what is kept of a screen: its polar maps. Nothing is stored."
)


class Window:
    """Everything on the screen; ``show`` is the only way in, ``acts`` the only way out."""

    def __init__(self, root: tk.Tk, *, dialogs: Dialogs | None = None) -> None:
        self._root, self._dialogs = root, dialogs or Dialogs()
        self._px = design.scale_of(root)
        self._type = design.type_of(root)
        self._acts: Acts | None = None
        self._shown = Shown()
        self._dots = design.dots(root, self._px)
        self._held = design.dress(root, self._type, self._px)
        root.title("Perfuscope")
        root.minsize(*(round(side * self._px) for side in SMALLEST))
        root.geometry("x".join(str(round(side * self._px)) for side in FIRST))
        self._build()
        self._bind()

    def connect(self, acts: Acts) -> None:
        """From now on tell ``acts`` what somebody does."""
        self._acts = acts
        self._result.connect(acts.lay_over, acts.fade)

    def show(self, shown: Shown) -> None:
        """Draw a state."""
        before, self._shown = self._shown, shown
        if shown.entries != before.entries:
            self._list(shown.entries)
        self._place.set(shown.chosen)
        self._tell_model(shown)
        self._tell_busy(shown)
        notice = shown.notice if shown.entries else ""
        self._notice.configure(text=notice)
        (self._notice.grid if notice else self._notice.grid_remove)()
        self._result.show(shown)
        (self._result.grid if shown.entry else self._result.grid_remove)()
        panels = shown.entry.panels if shown.entry else ()
        opacity = shown.opacity if shown.entry and shown.entry.probabilities else 0
        self._pictures.show(panels, label=shown.label, opacity=opacity, empty=_instead(shown))
        self._root.after_idle(self._keep_whole)

    def _build(self) -> None:
        room = round(16 * self._px)
        self._root.columnconfigure(1, weight=1)
        self._root.rowconfigure(1, minsize=round(8 * self._px))
        self._root.rowconfigure(3, weight=1)
        self._head(room).grid(row=0, column=0, columnspan=3, sticky="ew")
        self._busy = ttk.Progressbar(self._root, mode="indeterminate", style="Horizontal.TProgressbar")
        self._busy.grid(row=1, column=0, columnspan=3, sticky="ew")
        self._notice = ttk.Label(self._root, style="Notice.TLabel", padding=(room, 0, room, room // 2))
        self._notice.grid(row=2, column=0, columnspan=3, sticky="ew")
        self._entries = ttk.Frame(self._root, style="Ground.TFrame", width=round(200 * self._px))
        self._entries.grid(row=3, column=0, sticky="ns", padx=(room, 0))
        self._pictures = Pictures(self._root, kind=self._type, px=self._px)
        self._pictures.grid(row=3, column=1, sticky="nsew", padx=room)
        self._result = Result(self._root, kind=self._type, px=self._px)
        self._result.grid(row=3, column=2, sticky="ns", padx=(0, room))
        self._foot(room).grid(row=4, column=0, columnspan=3, sticky="ew")
        self._place = tk.IntVar(self._root)

    def _keep_whole(self) -> None:
        """Never smaller than what has to be seen and reached."""
        root = self._root
        root.update_idletasks()  # so that what was just said has its size
        width, height = (round(side * self._px) for side in SMALLEST)
        width, height = max(width, root.winfo_reqwidth()), max(height, root.winfo_reqheight())
        width, height = min(width, root.winfo_screenwidth()), min(height, root.winfo_screenheight())
        root.minsize(width, height)
        if 1 < root.winfo_width() < width or 1 < root.winfo_height() < height:  # 1: not on the screen yet
            root.geometry(f"{max(width, root.winfo_width())}x{max(height, root.winfo_height())}")

    def _head(self, room: int) -> ttk.Frame:
        head = ttk.Frame(self._root, style="Ground.TFrame", padding=room)
        head.columnconfigure(4, weight=1)
        ttk.Label(head, text="Perfuscope", style="Brand.TLabel").grid(row=0, column=0, padx=(0, room))
        choices = (("Open files", self._open_files), ("Open folder", self._open_folder), ("Model", self._open_model))
        for column, (text, command) in enumerate(choices, start=1):
            button = ttk.Button(head, text=text, command=command)
            button.grid(row=0, column=column, padx=(0, room // 2))
        self._model = ttk.Label(head, style="Foot.TLabel", anchor="e", justify="right")
        self._model.grid(row=0, column=4, sticky="e")
        return head

    def _foot(self, room: int) -> ttk.Frame:
        foot = ttk.Frame(self._root, style="Ground.TFrame", padding=(room, room // 2, room, room // 2))
        foot.columnconfigure(1, weight=1)
        ttk.Label(foot, text=DISCLAIMER, style="Caution.TLabel").grid(row=0, column=0)
        self._statement = ttk.Label(foot, text=TRAINED_ON, style="Foot.TLabel")
        self._statement.grid(row=0, column=1, sticky="e")
        return foot

    def _list(self, entries: tuple[Entry, ...]) -> None:
        for old in self._entries.winfo_children():
            old.destroy()
        for place, entry in enumerate(entries):
            button = ttk.Radiobutton(
                self._entries,
                text=f"{shortened(entry.title)}\n{entry.headline}",
                image=self._dots[entry.tone],
                compound="left",
                value=place,
                variable=self._place,
                style="Entry.Toolbutton",
                command=partial(self._choose, place),
                width=20,
            )
            button.pack(fill="x", pady=(0, round(8 * self._px)))

    def _tell_model(self, shown: Shown) -> None:
        model = shown.model
        self._model.configure(
            text=f"{model.name} {model.version}\nSHA-256 {model.sha256[:16]}" if model else "no model"
        )
        self._statement.configure(text=model.statement if model else TRAINED_ON)

    def _tell_busy(self, shown: Shown) -> None:
        if shown.busy:
            self._busy.grid()
            self._busy.start(12)
        else:
            self._busy.stop()
            self._busy.grid_remove()
        self._root.configure(cursor="watch" if shown.busy else "")

    def _bind(self) -> None:
        root = self._root
        for keys, act in {
            "<Control-o>": self._open_files,
            "<Control-O>": self._open_folder,
            "<Control-m>": self._open_model,
            "<Control-plus>": lambda: self._zoom(1.15),
            "<Control-equal>": lambda: self._zoom(1.15),
            "<Control-minus>": lambda: self._zoom(1 / 1.15),
            "<Control-Key-0>": lambda: self._zoom(0),
            "<Control-q>": root.quit,
            "<Control-w>": root.quit,
        }.items():
            root.bind(keys, lambda _, act=act: act())  # type: ignore[misc]
        for number in range(1, 10):
            root.bind(f"<Alt-Key-{number}>", partial(self._choose, number - 1))
        root.bind("<Configure>", self._wrap)
        root.protocol("WM_DELETE_WINDOW", root.quit)

    def _choose(self, place: int, _: object = None) -> None:
        if self._acts:
            self._acts.choose(place)

    def _wrap(self, _: object) -> None:
        self._notice.configure(wraplength=max(1, self._root.winfo_width() - round(32 * self._px)))

    def _zoom(self, step: float) -> None:
        self._type.zoom(step)
        self.show(self._shown)

    def _open_files(self) -> None:
        paths = [Path(name) for name in self._dialogs.files()]
        if self._acts and paths:
            self._acts.open(paths)

    def _open_folder(self) -> None:
        name = self._dialogs.folder()
        if self._acts and name:
            self._acts.open([Path(name)])

    def _open_model(self) -> None:
        name = self._dialogs.model()
        if self._acts and name:
            path = Path(name)
            self._acts.choose_model(str(path.parent if path.name == "card.json" else path))


def _instead(shown: Shown) -> str:
    """What stands where there is no picture."""
    if shown.busy:
        return f"{shown.busy} …"
    if shown.entry:
        return "There is nothing to see of this file."
    return shown.notice or EMPTY


def shortened(name: str, most: int = 22) -> str:
    """A name that may be long, with its beginning and its end."""
    return name if len(name) <= most else f"{name[: most - 9]}…{name[-8:]}"
