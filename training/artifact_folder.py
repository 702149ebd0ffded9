"""The folder of an artifact while it is made: written beside, and renamed into place when it is whole."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import PerfuscopeError
from training.datasets import Dataset


@contextmanager
def made(out: Path, *, name: str) -> Iterator[Path]:
    """A temporary folder that becomes ``out`` at the end; nothing is left of it if the body raises.

    PerfuscopeError if ``out`` exists with something in it or cannot be written.
    """
    check_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as temporary:
            folder = Path(temporary) / name
            folder.mkdir()
            yield folder
            if out.is_dir():
                out.rmdir()
            folder.rename(out)
    except OSError as error:
        raise PerfuscopeError(f"{out} cannot be written: {error.strerror or type(error).__name__}.") from error


def check_free(out: Path) -> None:
    """PerfuscopeError unless ``out`` is an empty folder or does not exist."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PerfuscopeError(f"{out} is not empty; name a new folder for the artifact.")


def check_apart(data: Dataset, held_out: Dataset) -> None:
    """PerfuscopeError if a held-out patient is also among those the network learns from."""
    both = set(data.patients) & set(held_out.patients)
    if both:
        raise PerfuscopeError(f"{len(both)} patients are in the training data and in the held-out data.")
