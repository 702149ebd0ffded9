"""The DIMSE provider of an association that receives: messages grow in files, and a C-STORE is answered at once."""

import logging
import queue
import time
import weakref

from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider, _QueueItem
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.service_class import StorageServiceClass

from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.growing import Growing, Incoming, context_of, stores
from dicom_node.header import conformant

log = logging.getLogger("perfuscope.incoming")

_LONGEST_COMMAND = 64 * 1024
_NO_INSTANCE = "2.25.0"  # answered to a command whose own UID cannot be
_REACTOR_EVENT_INVALID = "Evt19"  # PS3.8 9.2: unrecognised or invalid PDU; the association is aborted
_ESTABLISHING_S = 5.0


class StreamingProvider(DIMSEServiceProvider):
    """An acceptor's DIMSE provider whose messages grow in files, and which no malformed message can kill.

    It answers a C-STORE in the thread that received its last fragment; everything else is the association's own
    thread's. ``serving`` is true meanwhile.
    """

    def __init__(self, assoc: Association, incoming: Incoming) -> None:
        super().__init__(assoc)
        self.serving = False
        self._incoming = incoming
        self._files: weakref.WeakSet[Growing] = weakref.WeakSet()
        self.msg_queue = _Requests(self)

    @property
    def growing(self) -> Growing | None:
        """The file of the object whose fragments come next; None if no fragment is expected."""
        if self.message is None or self.message.context_id is None:
            return None
        return self.message.data_set if isinstance(self.message.data_set, Growing) else None

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

    def serve(self, context_id: int, request: C_STORE) -> bool:
        """Answer a C-STORE if that is possible here and now; False leaves it to the association's thread."""
        context = self.assoc._accepted_cx.get(context_id)  # noqa: SLF001 - ``accepted_contexts`` sorts them each time
        if context is None or not request.is_valid_request or not self._is_established():
            return False
        self.serving = True
        try:
            StorageServiceClass(self.assoc).SCP(request, context)
        finally:
            self.dul._idle_timer.restart()  # noqa: SLF001 - it was us who kept the peer waiting
            self.serving = False
        return True

    def _is_established(self) -> bool:
        """An eager peer's first object may be here before the association's thread has noted that it accepted it."""
        deadline = time.monotonic() + _ESTABLISHING_S
        while not self.assoc.is_established and not self.assoc._sent_abort and time.monotonic() < deadline:  # noqa: SLF001
            time.sleep(0.001)
        return self.assoc.is_established

    def refuse(self) -> None:
        """Abort the association for what its peer said."""
        log.warning("a message that is none in DIMSE; association aborted")
        self.dul.event_queue.put(_REACTOR_EVENT_INVALID)

    def close(self) -> None:
        """Remove the files of objects that were never completed or served. Call it when both reactors have ended."""
        for growing in list(self._files):
            growing.close()


class _Requests(queue.Queue[_QueueItem]):
    """Complete messages for the association's thread, but for those that are served on their way."""

    def __init__(self, provider: StreamingProvider) -> None:
        super().__init__()
        self._provider = weakref.proxy(provider)

    def put(self, item: _QueueItem, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """Serve the message, or else queue it."""
        context_id, request = item
        if not (isinstance(request, C_STORE) and self._provider.serve(context_id, request)):
            super().put(item, block, timeout)


def let_through(event: Event) -> None:
    """Have pynetdicom's storage service answer every C-STORE, where it would drop or abort one with odd UIDs.

    For EVT_DIMSE_RECV. The command's own words stay with its ``Growing``, and the receiver judges those.
    """
    message, provider = event.message, event.assoc.dimse
    growing = message.data_set
    if not (isinstance(message, C_STORE_RQ) and isinstance(growing, Growing)):
        return
    growing.read_command(message)
    command, context = message.command_set, context_of(message, event.assoc)
    if command.get("MessageID") is None and isinstance(provider, StreamingProvider):
        provider.refuse()  # there is no way to answer it
    if command.get("Priority") is None:
        command.Priority = 0
    if context is None or not stores(context) or context.abstract_syntax != growing.sop_class_uid:
        command.AffectedSOPClassUID = SecondaryCaptureImageStorage
    if not conformant(growing.sop_instance_uid.reveal()):
        command.AffectedSOPInstanceUID = _NO_INSTANCE
