"""What the window decides, without a window."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import PerfuscopeError
from core.maps import Maps
from core.types import LABELS, REQUIRED_VIEWS, Label, Probabilities, Reason, Status, View, ViewPrediction
from models.crop import CropInput
from training.answers import Answer, Known, Picture
from training.gui import desk, start
from training.gui.desk import Desk
from training.gui.entries import entries, notice
from training.gui.presenter import Presenter
from training.gui.state import ModelShown, Shown, Tone

MODEL = ModelShown("invented", "1", "ab" * 32, "Trained on simulated images.", review_below=0.5)
SURE = Probabilities(0.1, 0.8, 0.1)
UNSURE = Probabilities(0.4, 0.35, 0.25)


def picture(view: View, probabilities: Probabilities = SURE) -> Picture:
    activation = np.zeros((7, 7, 3), np.float32)
    return Picture(
        CropInput(np.zeros((8, 8, 3), np.uint8), None), ViewPrediction(view, probabilities, (0, 0, 0), activation)
    )


def of_view(view: View, probabilities: Probabilities = SURE) -> Answer:
    file = Path(f"{view.value}.png")
    return Answer("view", (file,), view, probabilities, pictures=(picture(view, probabilities),))


def of_study(status: Status = Status.ACCEPTED, probabilities: Probabilities | None = SURE) -> Answer:
    files = tuple(Path(f"{view.value}.png") for view in REQUIRED_VIEWS)
    return Answer("study", files, None, probabilities, status, pictures=tuple(map(picture, REQUIRED_VIEWS)))


class Invented:
    """A desk that answers what it was told to, or fails."""

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        self.answers = answers
        self.loaded: list[str | None] = []
        self.looked_at: list[tuple[Path, ...]] = []

    def load(self, name: str | None) -> ModelShown:
        if name == "bad":
            raise PerfuscopeError("bad is no model.")
        self.loaded.append(name)
        return MODEL

    def classify(self, paths: Sequence[Path]) -> tuple[Answer, ...]:
        self.looked_at.append(tuple(paths))
        if paths[0].name == "gone.png":
            raise PerfuscopeError("gone.png is not a file.")
        return tuple(self.answers)


class Later:
    """Work that is done when the test says so, in the order of asking."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, job: Callable[[], Any], *, done: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        def run() -> None:
            try:
                value = job()
            except PerfuscopeError as error:
                failed(str(error))
            else:
                done(value)

        self.waiting.append(run)

    def all(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


class Bench:
    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        self.desk, self.work, self.seen = Invented(answers), Later(), list[Shown]()
        self.presenter = Presenter(self.desk, work=self.work, show=self.seen.append)

    @property
    def shown(self) -> Shown:
        return self.seen[-1]


def test_the_model_is_loaded_first_then_what_the_command_line_named():
    bench = Bench([of_view(View.QPS)])
    bench.presenter.start([Path("qps.png")], model=None)
    assert bench.shown.busy == "Loading the model"
    bench.work.waiting.pop(0)()
    assert bench.shown.busy == "Looking at qps.png"
    bench.work.all()
    assert bench.shown.busy == ""
    assert bench.shown.entry is not None
    assert (bench.shown.entry.title, bench.shown.entry.headline, bench.shown.label) == ("QPS", "Ischemia", "ischemia")


def test_of_two_choices_in_a_row_only_the_newer_one_is_shown():
    bench = Bench()
    bench.presenter.start([], model=None)
    bench.work.all()
    bench.desk.answers = [of_view(View.QPS)]
    bench.presenter.open([Path("first.png")])
    bench.presenter.open([Path("second.png")])
    bench.work.waiting.pop(0)()
    assert (bench.shown.entries, bench.shown.busy) == ((), "Looking at second.png")
    bench.work.all()
    assert len(bench.shown.entries) == 1
    assert bench.shown.busy == ""


def test_a_file_that_fails_takes_the_older_answer_away_and_says_why():
    bench = Bench([of_view(View.QPS)])
    bench.presenter.start([Path("qps.png")], model=None)
    bench.work.all()
    bench.presenter.open([Path("gone.png")])
    bench.work.all()
    assert (bench.shown.entries, bench.shown.notice, bench.shown.busy) == ((), "gone.png is not a file.", "")


def test_a_model_that_cannot_be_loaded_changes_nothing_and_another_one_looks_again():
    bench = Bench([of_view(View.QPS)])
    bench.presenter.start([Path("qps.png")], model=None)
    bench.work.all()
    before = bench.shown
    bench.presenter.choose_model("bad")
    bench.work.all()
    assert bench.shown.notice == "bad is no model."
    assert (bench.shown.entries, bench.shown.model) == (before.entries, before.model)
    bench.presenter.choose_model("other")
    bench.work.all()
    assert bench.desk.loaded == [None, "other"]
    assert bench.desk.looked_at == [(Path("qps.png"),)] * 2


def test_another_line_shows_the_overlay_of_its_own_most_probable_label():
    bench = Bench([of_study(), of_view(View.QPS, Probabilities(0.9, 0.05, 0.05))])
    bench.presenter.start([Path("qps.png")], model=None)
    bench.work.all()
    assert bench.shown.label is Label.ISCHEMIA
    bench.presenter.choose(1)
    assert (bench.shown.chosen, bench.shown.label) == (1, Label.NORMAL)
    bench.presenter.choose(7)
    assert bench.shown.chosen == 1
    bench.presenter.lay_over(Label.INFARCTION)
    bench.presenter.fade(3)
    assert (bench.shown.label, bench.shown.opacity) == (Label.INFARCTION, 1)


def test_the_study_comes_first_then_its_views_in_their_order():
    made = entries([of_view(View.REST_QGS), of_view(View.QPS), of_study(), of_view(View.STRESS_QGS)], MODEL)
    assert [entry.title for entry in made] == ["Study", "QPS", "Stress QGS", "Rest QGS"]
    assert len(made[0].panels) == 3
    assert notice([of_study()]) == ""


@pytest.mark.parametrize(
    ("answer", "tone", "headline"),
    [
        (of_study(), Tone.ISCHEMIA, "Ischemia"),
        (of_study(Status.NEEDS_REVIEW, UNSURE), Tone.REVIEW, "Needs review"),
        (of_view(View.QPS, UNSURE), Tone.REVIEW, "Needs review"),
        (of_study(Status.REFUSED), Tone.REFUSED, "Refused"),
        (Answer("view", (Path("a.png"),), reason=Reason.UNKNOWN_LAYOUT), Tone.REFUSED, "No result"),
    ],
)
def test_an_answer_is_called_what_it_is_worth(answer: Answer, tone: Tone, headline: str):
    (entry,) = entries([answer], MODEL)
    assert (entry.tone, entry.headline) == (tone, headline)


def test_what_was_refused_has_no_probabilities():
    (entry,) = entries([of_study(Status.REFUSED)], MODEL)
    assert entry.probabilities is None


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_sentences_that_name_the_file(reason: Reason):
    (entry,) = entries([Answer("view", (Path("a.png"),), reason=reason)], MODEL)
    assert entry.detail.startswith("a.png ")
    assert reason.sentence in entry.detail


def test_without_all_three_views_it_is_said_which_are_missing():
    seen = [of_view(View.QPS), of_view(View.REST_QGS)]
    assert "without Stress QGS each view" in notice(seen)
    ambiguous = Answer("study", (Path("a"), Path("b")), reason=Reason.AMBIGUOUS)
    assert "several screens of one view" in notice([*map(of_view, View), of_view(View.QPS), ambiguous])
    assert "different studies" in notice(list(map(of_view, View)))
    assert notice([Answer("view", (Path("a"),), reason=Reason.UNKNOWN_LAYOUT)]) == ""


def test_the_maps_of_a_model_that_explains_polar_maps_lie_over_each():
    circles = {"stress": (4, 4, 2)}
    crop = CropInput(np.zeros((8, 8, 3), np.uint8), Maps((), circles))
    answer = of_view(View.QPS)
    answer = replace(answer, pictures=(replace(answer.pictures[0], crop=crop),))
    for explains_maps, expected in ((True, circles), (False, None)):
        (entry,) = entries([answer], replace(MODEL, explains_maps=explains_maps))
        assert entry.panels[0].circles == expected


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.png", "b.png", "c.png", "d.png"], "4 files were chosen; a study has 3 screens"),
        (["gone.png"], "gone.png is not a file."),
        (["empty"], "empty holds no file."),
        (["texts"], "texts holds 1 files, and none is an MPI screen"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_one_sentence(tmp_path: Path, names: list[str], sentence: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no screen")
    looking = Desk(Known((), ()))
    with pytest.raises(PerfuscopeError, match="No model is loaded"):
        looking.classify([tmp_path / "empty"])
    looking._model = object()  # type: ignore[assignment]
    with pytest.raises(PerfuscopeError, match=sentence):
        looking.classify([tmp_path / name for name in names])


def test_a_folder_with_too_many_files_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(desk, "MOST_IN_FOLDER", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(PerfuscopeError, match="holds 3 files; at most 2"):
        desk.in_folder(tmp_path)


def test_without_tk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(start, "find_spec", lambda _: None)
    with pytest.raises(PerfuscopeError, match="apt-get install python3-tk"):
        start.open_root()


def test_without_a_display_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(PerfuscopeError, match="set DISPLAY"):
        start.open_root()


def test_neither_the_command_nor_the_presenter_loads_tk_or_tensorflow():
    code = "import sys, cli.gui, training.gui.presenter, training.gui.start, training.keras_file\n"
    code += "sys.exit(bool({'tkinter', 'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_every_label_has_a_tone():
    assert [Tone(label.value) for label in LABELS]
