"""Files that grow while objects arrive: in our folder, bounded, and never the cause of a dead association.

pynetdicom keeps a data set in memory, or streams it into the system's temporary folder, where a full disk or a command
without UIDs raises in its reactor and takes the association down. Here every message gets a file of ours for its data
set: what goes wrong with it is remembered, and answered with a status when the object is complete.
"""

import hashlib
import os
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ, N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dsutils import create_file_meta
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined] # made at import time
    StorageCommitmentPushModel,
    Verification,
)

from core.phi import Phi
from dicom_node.header import conformant

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BLOCK_BYTES = 256 * 1024
_LARGE_BYTES = 32 * 1024
_LONGEST_REPORT = 2**20
_NO_STORAGE = {UID(Verification), UID(StorageCommitmentPushModel)}


class Growing(BytesIO):
    """One object's file, filled fragment by fragment in the place of the memory that pynetdicom would use.

    ``problem`` is None, ``"disk"`` (it could not be written), ``"too_large"``, ``"command"`` (the command's UIDs are
    none) or ``"empty"``. The UIDs are the command's own words. The file is removed by ``close``, and when this object
    goes, unless it was renamed away. Of other messages than C-STORE, an event report's short data set is kept in memory
    and all others are dropped.
    """

    def __init__(self, message: DIMSEMessage, assoc: Association, *, folder: Path, max_bytes: int) -> None:
        super().__init__()
        self.path = folder / uuid4().hex
        self.problem: str | None = "empty"
        self.size = 0
        self.sop_class_uid, self.sop_instance_uid = "", Phi("")
        self._message = weakref.ref(message)
        self._assoc = weakref.ref(assoc)
        self._room = max_bytes
        self._begun = self._in_memory = False
        self._block = bytearray()
        self._sha256 = hashlib.sha256()
        self._fd = -1

    def write(self, data: "ReadableBuffer", /) -> int:
        """Append; after a problem the rest of the object is read from the peer and dropped."""
        view = memoryview(data)
        if not self._begun:
            self._begin()
        self.size += view.nbytes
        if self._in_memory and self.size <= _LONGEST_REPORT:
            return super().write(view)
        if self.problem is None and self.size > self._room:
            self.problem = "too_large"
        if self.problem is None:
            self._gather(view)
        return view.nbytes

    def complete(self) -> None:
        """Write what is still in memory: the last fragment has come."""
        if self.problem is None:
            self._write_block()
        self._block = bytearray()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the data set alone: the file meta differs from sender to sender."""
        return self._sha256.hexdigest()

    def sync(self) -> None:
        """Force what was written to the disk; OSError if it cannot be."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file, and remove it unless it was renamed away; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with suppress(OSError):  # a disk gone read-only: the next start clears the folder
                self.path.unlink(missing_ok=True)
        super().close()

    def read_command(self, message: C_STORE_RQ) -> None:
        """Take the UIDs from the command, as they are."""
        self.sop_class_uid = str(message.command_set.get("AffectedSOPClassUID") or "")
        self.sop_instance_uid = Phi(str(message.command_set.get("AffectedSOPInstanceUID") or ""))

    def _begin(self) -> None:
        """Write a blank preamble and the file meta (PS3.10 7.1), now that the command is known."""
        self._begun = True
        message, assoc = self._message(), self._assoc()
        self._in_memory = isinstance(message, N_EVENT_REPORT_RQ)
        if assoc is None or not isinstance(message, C_STORE_RQ):
            return
        self.read_command(message)
        context = context_of(message, assoc)
        named = conformant(self.sop_class_uid) and conformant(self.sop_instance_uid.reveal())
        if context is None or not stores(context) or not named:
            self.problem = "command"
            return
        self.problem = None
        head = _head(self.sop_class_uid, self.sop_instance_uid, context)
        self.size = len(head)
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            self.problem = "disk"
        self._append(memoryview(head))

    def _gather(self, view: memoryview) -> None:
        """Small pieces are written together, large ones as they are."""
        if self._block or view.nbytes < _LARGE_BYTES:
            self._block += view
            if len(self._block) >= _BLOCK_BYTES:
                self._write_block()
        else:
            self._sha256.update(view)
            self._append(view)

    def _write_block(self) -> None:
        block, self._block = self._block, bytearray()
        self._sha256.update(block)
        self._append(memoryview(block))

    def _append(self, view: memoryview) -> None:
        while view and self.problem is None:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                self.problem = "disk"


class Incoming:
    """The folder of growing files."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def clear(self) -> None:
        """Make the folder, and clear it of what a dead process left."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.iterdir():
            if not left.is_dir():  # as the root of a file system has them
                left.unlink(missing_ok=True)

    def open(self, message: DIMSEMessage, assoc: Association) -> Growing:
        """A file for the message's data set; it appears with the first fragment."""
        return Growing(message, assoc, folder=self._folder, max_bytes=self._max_bytes)


def context_of(message: DIMSEMessage, assoc: Association) -> PresentationContext | None:
    """The accepted presentation context that a message came by."""
    return next((c for c in assoc.accepted_contexts if c.context_id == message.context_id), None)


def stores(context: PresentationContext) -> bool:
    """Whether the context is one for storage."""
    return context.abstract_syntax not in _NO_STORAGE


def _head(sop_class_uid: str, sop_instance_uid: Phi, context: PresentationContext) -> bytes:
    head = DicomBytesIO()
    head.write(b"\x00" * 128 + b"DICM")
    file_meta = create_file_meta(
        sop_class_uid=UID(sop_class_uid),
        sop_instance_uid=UID(sop_instance_uid.reveal()),
        transfer_syntax=context.transfer_syntax[0],
    )
    write_file_meta_info(head, file_meta)
    return head.getvalue()
