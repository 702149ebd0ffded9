"""The window of ``perfuscope gui`` on a display of its own: what is seen, and what keys and the pointer do."""

import gc
import time
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from tkinter import ttk
from typing import Any

import numpy as np
import pytest
from display import Display
from PIL import Image

from core import DISCLAIMER, TRAINED_ON
from core.settings import Settings
from core.types import Label, View
from training.answers import Known
from training.gui.acts import Dialogs
from training.gui.desk import Desk
from training.gui.presenter import Presenter
from training.gui.start import open_root
from training.gui.thread import Thread
from training.gui.window import Window, shortened
from training.phantom.cohort import simulate
from training.phantom.dicom import write_study


@pytest.fixture(scope="module")
def display() -> Display:
    return Display()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated study's folder, a photograph, a broken file."""
    folder = tmp_path_factory.mktemp("files")
    write_study(simulate(2026, 1, label=Label.ISCHEMIA), folder / "study")
    noise = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((1280, 1024), Image.Resampling.BICUBIC).save(folder / "photograph.jpg")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"broken" * 50)
    return folder


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


@pytest.fixture
def opened(display: Display, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setenv("DISPLAY", display.name)
    window = Opened(display)
    yield window
    window.close()
    gc.collect()


def test_a_folder_shows_the_study_its_views_the_bars_and_the_model(opened: Opened, files: Path):
    opened.chosen["folder"] = [str(files / "study")]
    opened.press("<Control-O>")
    words, drawn = opened.words(), opened.drawn()
    assert [entry.title for entry in opened.presenter.shown.entries] == ["Study", *(v.caption for v in View)]
    assert "mobilenet-sim-1" in words
    assert DISCLAIMER in words
    assert TRAINED_ON in words
    assert {"QPS", "Stress QGS", "Rest QGS", "Normal", "Ischemia", "Infarction"} <= set(drawn)
    assert len([text for text in drawn if text.endswith("%")]) == 3
    assert "Confidence" in words


def test_one_view_is_shown_and_it_is_said_what_is_missing_for_a_study(opened: Opened, files: Path):
    opened.open(files / "study" / "qps.dcm")
    assert "without Stress QGS and Rest QGS" in opened.words()
    assert "One view alone" in opened.words()
    assert "qps.dcm" in opened.words()


def test_the_slider_and_the_class_selector_change_the_picture(opened: Opened, files: Path):
    opened.open(files / "study" / "qps.dcm")
    (slider,) = opened.parts(ttk.Scale)
    first = opened.pixels()
    slider.focus_force()
    for _ in range(8):
        opened.press("<Right>", slider)
    assert opened.presenter.shown.opacity == pytest.approx(1)
    more = opened.pixels()
    assert (first != more).any(axis=-1).mean() > 0.02
    opened.part(ttk.Radiobutton, "Infarction").invoke()
    opened.settle()
    assert opened.presenter.shown.label is Label.INFARCTION
    assert (more != opened.pixels()).any(axis=-1).mean() > 0.02
    opened.press("<Left>", slider)
    assert opened.presenter.shown.opacity == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("photograph.jpg", "photograph.jpg is not an MPI screen that Perfuscope knows"),
        ("broken.dcm", "broken.dcm cannot be read as an image"),
    ],
)
def test_what_is_no_screen_gets_a_sentence_and_no_label(opened: Opened, files: Path, name: str, sentence: str):
    opened.open(files / "study" / "qps.dcm")
    opened.open(files / name)
    assert sentence in opened.words()
    assert "No result" in opened.words()
    assert not [text for text in opened.drawn() if text.endswith("%")]


def test_a_file_that_is_gone_and_a_model_that_is_none_are_told(opened: Opened, files: Path):
    opened.open(files / "gone.png")
    assert "gone.png is not a file." in opened.drawn()
    opened.open(files / "study" / "qps.dcm")
    opened.chosen["model"] = [str(files / "broken.dcm")]
    opened.press("<Control-m>")
    assert "is neither a model artifact's folder" in opened.words()
    assert "Confidence" in opened.words()


def test_the_window_answers_while_it_works(opened: Opened, files: Path):
    opened.chosen["folder"] = [str(files / "study")]
    opened.root.event_generate("<Control-O>")
    turns = 0
    while opened.presenter.shown.busy:
        opened.root.update()
        assert any("Looking at study" in text for text in opened.drawn()) or not opened.presenter.shown.busy
        turns += 1
        time.sleep(0.005)
    assert turns > 3


def test_keys_walk_through_the_list_and_everything_that_acts_can_be_reached(opened: Opened, files: Path):
    opened.open(*sorted((files / "study").glob("*s.dcm")))
    opened.press("<Alt-Key-3>")
    assert opened.presenter.shown.chosen == 2
    opened.press("<Alt-Key-1>")
    assert opened.presenter.shown.chosen == 0
    reached = set()
    at: tk.Misc = opened.part(ttk.Button, "Open files")
    for _ in range(30):
        at = at.tk_focusNext() or at
        reached.add(str(at))
    acting = [p for p in opened.parts(ttk.Button, ttk.Radiobutton, ttk.Scale) if p.winfo_viewable()]
    assert {str(part) for part in acting} <= reached


def test_nothing_is_cut_off_at_the_smallest_size_or_in_large_type(opened: Opened, files: Path):
    opened.root.geometry("300x200")
    opened.open(*sorted((files / "study").glob("*s.dcm")))
    for keys in ("<Control-Key-0>", "<Control-plus>", "<Control-plus>"):
        opened.press(keys)
        opened.settle()
        assert opened.cut_off() == [], keys


def test_nothing_is_written_beside_the_files(opened: Opened, files: Path):
    before = sorted((files / "study").iterdir())
    opened.open(files / "study" / "qps.dcm")
    assert sorted((files / "study").iterdir()) == before


def test_a_long_name_keeps_its_beginning_and_its_end():
    assert shortened("a" * 40 + "_qps.png") == "a" * 13 + "…" + "_qps.png"
    assert shortened("qps.png") == "qps.png"
