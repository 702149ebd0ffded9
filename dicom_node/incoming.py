"""Files that grow while objects arrive: in our folder, bounded, and never the cause of a dead association.

pynetdicom keeps a data set in memory, or streams it into the system's temporary folder, where a full disk or a command
without UIDs raises in its reactor and takes the association down. Here every message gets a file of ours for its data
set: what goes wrong with it is remembered, and answered with a status when the object is complete.
"""

import logging
import os
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, SecondaryCaptureImageStorage
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dsutils import create_file_meta
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined] # made at import time

from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.header import conformant

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger("perfuscope.incoming")

_LONGEST_COMMAND = 64 * 1024
_NO_INSTANCE = "2.25.0"  # answered to a command whose own UID cannot be
_REACTOR_EVENT_INVALID = "Evt19"  # PS3.8 9.2: unrecognised or invalid PDU; the association is aborted


class Growing(BytesIO):
    """One object's file, filled fragment by fragment in the place of the memory that pynetdicom would use.

    ``problem`` is None, ``"disk"`` (it could not be written), ``"too_large"``, ``"command"`` (the command's UIDs are
    none) or ``"empty"``. The UIDs are the command's own words. The file is removed by ``close``, and when this object
    goes, unless it was renamed away. Data sets of other messages than C-STORE are dropped.
    """

    def __init__(self, message: DIMSEMessage, assoc: Association, *, folder: Path, max_bytes: int) -> None:
        super().__init__()
        self.path = folder / uuid4().hex
        self.problem: str | None = "empty"
        self.size = 0
        self.sop_class_uid = self.sop_instance_uid = ""
        self._message = weakref.ref(message)
        self._assoc = weakref.ref(assoc)
        self._room = max_bytes
        self._begun = False
        self._fd = -1

    def write(self, data: "ReadableBuffer", /) -> int:
        """Append; after a problem the rest of the object is read from the peer and dropped."""
        view = memoryview(data)
        if not self._begun:
            self._begin()
        self._append(view)
        self.size += view.nbytes
        return view.nbytes

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
        self.sop_instance_uid = str(message.command_set.get("AffectedSOPInstanceUID") or "")

    def _begin(self) -> None:
        """Write a blank preamble and the file meta (PS3.10 7.1), now that the command is known."""
        self._begun = True
        message, assoc = self._message(), self._assoc()
        if assoc is None or not isinstance(message, C_STORE_RQ):
            return
        self.read_command(message)
        context = _context_of(message, assoc)
        named = conformant(self.sop_class_uid) and conformant(self.sop_instance_uid)
        if context is None or not _stores(context) or not named:
            self.problem = "command"
            return
        self.problem = None
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            self.problem = "disk"
        head = _head(self.sop_class_uid, self.sop_instance_uid, context)
        self._append(memoryview(head))
        self.size += len(head)

    def _append(self, view: memoryview) -> None:
        if self.problem is None and self.size + view.nbytes > self._room:
            self.problem = "too_large"
        while view and self.problem is None:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                self.problem = "disk"


def _context_of(message: DIMSEMessage, assoc: Association) -> PresentationContext | None:
    return next((c for c in assoc.accepted_contexts if c.context_id == message.context_id), None)


def _stores(context: PresentationContext) -> bool:
    return context.abstract_syntax != UID(Verification)


def _head(sop_class_uid: str, sop_instance_uid: str, context: PresentationContext) -> bytes:
    head = DicomBytesIO()
    head.write(b"\x00" * 128 + b"DICM")
    file_meta = create_file_meta(
        sop_class_uid=UID(sop_class_uid),
        sop_instance_uid=UID(sop_instance_uid),
        transfer_syntax=context.transfer_syntax[0],
    )
    write_file_meta_info(head, file_meta)
    return head.getvalue()


class StreamingProvider(DIMSEServiceProvider):
    """An acceptor's DIMSE provider whose messages grow in files, and which no malformed message can kill."""

    def __init__(self, assoc: Association, incoming: "Incoming") -> None:
        super().__init__(assoc)
        self._incoming = incoming
        self._files: weakref.WeakSet[Growing] = weakref.WeakSet()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the next fragments of a message; abort the association if they are none."""
        if self.message is None:
            self.message = DIMSEMessage()
            growing = self._incoming.open(self.message, self.assoc)
            self.message.data_set = growing
            self._files.add(growing)
        try:
            super().receive_primitive(primitive)
        except PYDICOM_ERRORS:
            self.refuse()
        if self.message is not None and self.message.encoded_command_set.tell() > _LONGEST_COMMAND:
            self.refuse()

    def refuse(self) -> None:
        """Abort the association for what its peer said."""
        log.warning("a message that is none in DIMSE; association aborted")
        self.dul.event_queue.put(_REACTOR_EVENT_INVALID)

    def close(self) -> None:
        """Remove the files of objects that were never completed or served. Call it when both reactors have ended."""
        for growing in list(self._files):
            growing.close()


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


def let_through(event: Event) -> None:
    """Have pynetdicom's storage service answer every C-STORE, where it would drop or abort one with odd UIDs.

    For EVT_DIMSE_RECV. The command's own words stay with its ``Growing``, and the receiver judges those.
    """
    message, provider = event.message, event.assoc.dimse
    growing = message.data_set
    if not (isinstance(message, C_STORE_RQ) and isinstance(growing, Growing)):
        return
    growing.read_command(message)
    command, context = message.command_set, _context_of(message, event.assoc)
    if command.get("MessageID") is None and isinstance(provider, StreamingProvider):
        provider.refuse()  # there is no way to answer it
    if command.get("Priority") is None:
        command.Priority = 0
    if context is None or not _stores(context) or context.abstract_syntax != growing.sop_class_uid:
        command.AffectedSOPClassUID = SecondaryCaptureImageStorage
    if not conformant(growing.sop_instance_uid):
        command.AffectedSOPInstanceUID = _NO_INSTANCE
