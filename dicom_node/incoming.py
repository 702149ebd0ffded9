"""Files that grow while objects arrive: in our folder, bounded, and never the cause of a dead association.

pynetdicom streams an object into a ``NamedTemporaryFile`` of the system's temporary folder; a full disk raises in its
reactor and takes the association down. ``Incoming`` puts its own file there: what goes wrong is remembered and answered
with a status when the object is complete.
"""

import os
import weakref
from pathlib import Path
from uuid import uuid4

from pynetdicom import _config, dimse_messages


class Growing:
    """One object's file; looks like the ``NamedTemporaryFile`` that pynetdicom expects.

    ``problem`` is None, ``"disk"`` (it could not be written) or ``"too_large"``. The file is removed when this object
    goes, unless it was renamed away: an aborted association leaves nothing behind.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.name = str(folder / uuid4().hex)
        self.file = self
        self.problem: str | None = None
        self.size = 0
        self._room = max_bytes
        self._fd = -1
        try:
            self._fd = os.open(self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            self.problem = "disk"
        self._finalizer = weakref.finalize(self, _discard, self.name)

    def write(self, data: bytes) -> int:
        """Append; after a problem the rest of the object is read from the peer and dropped."""
        if self.problem is None and self.size + len(data) > self._room:
            self.problem = "too_large"
        view = memoryview(data)
        while view and self.problem is None:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                self.problem = "disk"
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered."""

    def sync(self) -> None:
        """Force what was written to the disk; OSError if it cannot be."""
        os.fsync(self._fd)

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


def _discard(name: str) -> None:
    Path(name).unlink(missing_ok=True)


class Incoming:
    """The folder of growing files. One a process: pynetdicom has a single place to put it."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._growing: weakref.WeakValueDictionary[str, Growing] = weakref.WeakValueDictionary()

    def install(self) -> None:
        """Have pynetdicom stream into this folder, and clear it of what a dead process left."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.iterdir():
            left.unlink(missing_ok=True)
        _config.STORE_RECV_CHUNKED_DATASET = True
        setattr(dimse_messages, "NamedTemporaryFile", self._open)  # noqa: B010 - a seam the stubs do not show

    def _open(self, **_options: object) -> Growing:
        growing = Growing(self._folder, max_bytes=self._max_bytes)
        self._growing[growing.name] = growing
        return growing

    def of(self, path: Path) -> Growing:
        """The growing file that pynetdicom knows under ``path``."""
        return self._growing[str(path)]
