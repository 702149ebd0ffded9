"""The window of ``perfuscope gui`` on a display of its own: what is seen, and what keys and the pointer do."""

import gc
import time
import tkinter as tk
from collections.abc import Iterator
from pathlib import Path
from tkinter import ttk

import numpy as np
import pytest
from display import Display
from opened_window import Opened
from PIL import Image

from core import DISCLAIMER, TRAINED_ON
from core.types import Label, View
from models import artifact
from training.gui.window import shortened
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
    assert artifact.shipped().name in words
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
