"""Pictures of reports, drawn by a short-lived process from the stored object, so that this one loads no DICOM."""

import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from core.pictures import NoPicture
from db.tables import Report
from viewer.line import Line

_AT_ONCE = 2
_KEPT = 24
_TIMEOUT_S = 20
_MAX_BYTES = 16 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"


class ReportPictures:
    """Draws reports from ``store``; the last few stay in memory, by the SHA-256 of what was sent."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._line = Line(_AT_ONCE)

    def has_file(self, report: Report) -> bool:
        """Whether the report's file is there to be drawn."""
        path = self._path(report)
        return path is not None and path.is_file()

    def of(self, report: Report) -> bytes | NoPicture:
        """The report's page as PNG, or why there is none."""
        with self._line.turn():  # whoever waited for the same picture finds it kept
            return self._known(report.sha256) or self._drawn(report)

    def _known(self, sha256: str) -> bytes | None:
        with self._lock:
            if sha256 in self._kept:
                self._kept.move_to_end(sha256)
            return self._kept.get(sha256)

    def _drawn(self, report: Report) -> bytes | NoPicture:
        path = self._path(report)
        if path is None:
            return NoPicture.MISSING
        png = _draw(path, report.sha256)
        if isinstance(png, bytes):
            with self._lock:
                self._kept[report.sha256] = png
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return png

    def _path(self, report: Report) -> Path | None:
        """Where the file stands; None for a path that leads out of the store."""
        path = (self._store / report.path).resolve()
        return path if path.is_relative_to(self._store.resolve()) else None


def _draw(path: Path, sha256: str) -> bytes | NoPicture:
    command = [sys.executable, "-m", "dicom_node.report_picture", str(path), sha256]
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
