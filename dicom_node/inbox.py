"""The file store: an object is there whole and for good, or not at all."""

import logging
import os
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

log = logging.getLogger("perfuscope.inbox")

_UNCLAIMED = "unclaimed"


class Inbox:
    """Keeps files under opaque names, one folder a day of receipt. Rows hold the relative path."""

    def __init__(self, store: Path, *, min_free_bytes: int = 0) -> None:
        self._store = store
        self._min_free_bytes = min_free_bytes

    def path(self, relative: str) -> Path:
        """Where a stored file stands."""
        return self._store / relative

    def has_room(self) -> bool:
        """Whether the disk holds more than what must stay free; OSError if it cannot be asked."""
        return shutil.disk_usage(self._store).free >= self._min_free_bytes

    def place(self, file_id: UUID) -> str:
        """The relative path for a new file; its folder is made."""
        day = self._store / datetime.now(UTC).strftime("%Y-%m-%d")
        if not day.is_dir():
            day.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync_folder(self._store)
        return f"{day.name}/{file_id}.dcm"

    def adopt(self, synced_file: Path, relative: str) -> None:
        """Rename a complete, fsynced file into its place and make the rename durable."""
        target = self.path(relative)
        synced_file.rename(target)
        _sync_folder(target.parent)

    def write(self, data: bytes, file_id: UUID) -> str:
        """Store bytes of our own making durably; returns the relative path. Safe to repeat."""
        relative = self.place(file_id)
        growing = self.path(relative).with_suffix(".part")
        with growing.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.adopt(growing, relative)
        return relative

    def days(self) -> list[str]:
        """The folders of received files, oldest first."""
        return sorted(e.name for e in self._store.iterdir() if e.is_dir() and e.name != _UNCLAIMED)

    def files(self, day: str, *, older_than: timedelta) -> list[str]:
        """Relative paths of a folder's files that were last written so long ago; OSError if it cannot be read."""
        latest = time.time() - older_than.total_seconds()
        with os.scandir(self._store / day) as entries:
            return [
                f"{day}/{e.name}" for e in entries if e.is_file(follow_symlinks=False) and e.stat().st_mtime < latest
            ]

    def set_aside(self, relative: str) -> None:
        """Move a file that no row names out of the way."""
        folder = self._store / _UNCLAIMED
        folder.mkdir(exist_ok=True, mode=0o700)
        self.path(relative).rename(folder / Path(relative).name)

    def unclaimed(self, *, older_than: timedelta) -> list[str]:
        """Relative paths of files that were set aside and last written so long ago."""
        return self.files(_UNCLAIMED, older_than=older_than) if self.path(_UNCLAIMED).is_dir() else []

    def remove_if_empty(self, day: str) -> None:
        """Remove a folder of received files that holds nothing any more."""
        with suppress(OSError):
            self.path(day).rmdir()

    def holds(self, relative: str) -> bool:
        """Whether the file is there."""
        return self.path(relative).is_file()

    def discard(self, relative: str) -> None:
        """Remove a file that no row came to know; one that cannot be removed costs a log line."""
        try:
            self.path(relative).unlink(missing_ok=True)
        except OSError as error:
            log.error("file %s cannot be removed: %s", relative, error.strerror)  # noqa: TRY400 - opaque name, no values


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
