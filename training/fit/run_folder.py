"""The folder of a run: what it was told, how it went, and where to go on after a kill."""

import csv
import fcntl
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from core.errors import PerfuscopeError
from training.fit import checkpoint as checkpoints
from training.fit.checkpoint import Checkpoint
from training.fit.course import Epoch
from training.fit.recipe import ViewsRecipe
from training.fit.writing import write_text

IDENTITY, RECIPE, LOG, CURVES, CHECKPOINT, EVENTS = (
    "run.json",
    "recipe.toml",
    "log.csv",
    "curves.png",
    "checkpoint.npz",
    "tensorboard",
)
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that belongs to one recipe, one data set and one set of starting weights."""

    path: Path

    @property
    def curves(self) -> Path:
        """The picture of loss and accuracy."""
        return self.path / CURVES

    @property
    def events(self) -> Path:
        """TensorBoard's folder."""
        return self.path / EVENTS

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep the state, then the log: a log may lack the last epoch, never hold one that is not kept."""
        checkpoints.save(checkpoint, self.path / CHECKPOINT)
        write_text(self.path / LOG, log_text([epoch for course in checkpoint.courses for epoch in course.epochs]))

    def load(self) -> Checkpoint | None:
        """The state to go on from."""
        return checkpoints.load(self.path / CHECKPOINT)

    def forget_state(self) -> None:
        """Delete what is only needed to go on; logs and curves stay."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)


@contextmanager
def opened(path: Path, recipe: ViewsRecipe, facts: Mapping[str, str]) -> Iterator[RunFolder]:
    """The run in ``path`` to be gone on with, or a new one; ``facts`` are what must be the same besides the recipe.

    PerfuscopeError if the folder belongs to another run, holds other things, or a process is at it.
    """
    wanted = {"recipe": recipe.model_dump(mode="json"), **facts}
    _refuse_foreign(path, json.loads(json.dumps(wanted)))
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / _LOCK).open("wb")
    except OSError as error:
        raise PerfuscopeError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PerfuscopeError(f"{path} is in use by another training; name another folder with --run.") from error
        if not (path / IDENTITY).exists():
            write_text(path / RECIPE, toml(recipe.model_dump(mode="json", exclude_none=True)))
            write_text(path / IDENTITY, json.dumps(wanted, indent=1) + "\n")
        yield RunFolder(path)


def _refuse_foreign(path: Path, wanted: Mapping[str, object]) -> None:
    if not path.exists():
        return
    identity = path / IDENTITY
    if not identity.is_file():
        if not path.is_dir() or {entry.name for entry in path.iterdir()} - {_LOCK, RECIPE}:
            raise PerfuscopeError(f"{path} is not the folder of a training; name a new folder with --run.")
        return
    try:
        found = json.loads(identity.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PerfuscopeError(f"{identity} cannot be read; delete the folder to begin anew.") from error
    if found != wanted:
        other = ", ".join(sorted(k for k in wanted if k not in found or found[k] != wanted[k])) or "kind"
        raise PerfuscopeError(f"{path} belongs to a training with another {other}; name another folder with --run.")


def log_text(epochs: Sequence[Epoch]) -> str:
    """The epochs as CSV, numbers in full."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in epochs)
    return text.getvalue()


def toml(document: Mapping[str, object], table: str = "") -> str:
    """A recipe's values as TOML: plain values first, then a table for each mapping."""
    plain = {k: v for k, v in document.items() if not isinstance(v, Mapping)}
    text = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in plain.items())
    for name, value in document.items():
        if isinstance(value, Mapping):
            full = f"{table}{name}"
            text += f"\n[{full}]\n{toml(value, f'{full}.')}"
    return text
