"""Pictures of objects in quarantine, each drawn by a short-lived process; nothing is kept of them."""

import subprocess
import sys
from pathlib import Path

from core.pictures import NoPicture
from viewer.line import Line

_AT_ONCE = 2
_TIMEOUT_S = 20
_MAX_BYTES = 64 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"


class StoredPictures:
    """Draws objects from ``store``."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._line = Line(_AT_ONCE)

    def of(self, relative: str) -> bytes | NoPicture:
        """An object's pixels as PNG, or why there are none; a path that leads out of the store holds none."""
        path = (self._store / relative).resolve()
        if not path.is_relative_to(self._store.resolve()):
            return NoPicture.MISSING
        with self._line.turn():
            return _draw(path)


def _draw(path: Path) -> bytes | NoPicture:
    command = [sys.executable, "-m", "dicom_node.stored_picture", str(path)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return NoPicture.UNREADABLE
    if done.returncode in set(NoPicture):
        return NoPicture(done.returncode)
    drawn = done.returncode == 0 and done.stdout.startswith(_PNG) and len(done.stdout) <= _MAX_BYTES
    return done.stdout if drawn else NoPicture.UNREADABLE
