"""Files that are written whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from core.errors import PerfuscopeError


def write_whole(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file by ``write``, beside it and then renamed, so that a kill or a full disk leaves the one before.

    PerfuscopeError names the file where the system refuses.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            with partial.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise PerfuscopeError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from error


def write_text(path: Path, text: str) -> None:
    """``write_whole`` for text in UTF-8."""
    write_whole(path, lambda file: _put(file, text.encode()))


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(data)
