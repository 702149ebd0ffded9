"""What the window does when somebody does something: decides, asks the desk, and says what to show. Knows no Tk."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.types import LABELS, Label
from training.answers import Answer
from training.gui import entries as words
from training.gui.state import ModelShown, Shown

T = TypeVar("T")


class Work(Protocol):
    """Does a job somewhere else and tells how it went, in the window's own thread, in the order of asking."""

    def __call__(self, job: Callable[[], Any], *, done: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        """``done`` gets the job's value; ``failed`` gets a sentence."""


class Worker(Protocol):
    """Loads models and classifies files."""

    def load(self, name: str | None) -> ModelShown:
        """A model by its path or name."""

    def classify(self, paths: Sequence[Path]) -> tuple[Answer, ...]:
        """What the loaded model says of files."""


class Presenter:
    """The state of the window and the only one to change it; ``show`` is told of every change."""

    def __init__(self, desk: Worker, *, work: Work, show: Callable[[Shown], None]) -> None:
        self._desk, self._work, self._show = desk, work, show
        self._paths: tuple[Path, ...] = ()
        self._asked = 0
        self.shown = Shown()

    def start(self, paths: Sequence[Path], *, model: str | None) -> None:
        """Load the model, then whatever was named on the command line."""
        self._paths = tuple(paths)
        self._load(model)

    def open(self, paths: Sequence[Path]) -> None:
        """Read and classify files, or a folder; what was shown before is gone."""
        if paths:
            self._paths = tuple(paths)
            self._classify()

    def choose_model(self, name: str) -> None:
        """Another model; it looks at the open files anew. One that cannot be loaded changes nothing."""
        self._load(name)

    def choose(self, place: int) -> None:
        """Show another line of the list."""
        if 0 <= place < len(self.shown.entries):
            self._change(chosen=place, label=self.shown.entries[place].label)

    def lay_over(self, label: Label) -> None:
        """Show where the model looked for ``label``."""
        self._change(label=label)

    def fade(self, opacity: float) -> None:
        """Let the overlay cover the picture more or less, from 0 to 1."""
        self._change(opacity=min(1.0, max(0.0, opacity)))

    def _load(self, name: str | None) -> None:
        self._ask(lambda: self._desk.load(name), self._loaded, busy="Loading the model")

    def _loaded(self, model: ModelShown) -> None:
        self._change(model=model)
        if self._paths:
            self._classify()

    def _classify(self) -> None:
        paths = self._paths
        named = paths[0].name if len(paths) == 1 else f"{len(paths)} files"

        def answered(answers: tuple[Answer, ...]) -> None:
            if paths is self._paths and self.shown.model:
                self._answered(answers, self.shown.model)

        self._change(entries=(), chosen=0)
        self._ask(lambda: self._desk.classify(paths), answered, busy=f"Looking at {named}")

    def _answered(self, answers: tuple[Answer, ...], model: ModelShown) -> None:
        made = words.entries(answers, model)
        label = made[0].label if made else LABELS[0]
        self._change(entries=made, chosen=0, label=label, notice=words.notice(answers))

    def _ask(self, job: Callable[[], T], then: Callable[[T], None], *, busy: str) -> None:
        """Have a job done; the progress sign ends with the newest one."""
        self._asked += 1
        number = self._asked
        self._change(busy=busy, notice="")

        def done(value: T) -> None:
            then(value)
            self._ended(number)

        def failed(sentence: str) -> None:
            self._change(notice=sentence)
            self._ended(number)

        self._work(job, done=done, failed=failed)

    def _ended(self, number: int) -> None:
        if number == self._asked:
            self._change(busy="")

    def _change(self, **changes: Any) -> None:
        self.shown = replace(self.shown, **changes)
        self._show(self.shown)
