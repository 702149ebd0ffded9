"""The DICOM listener: Verification and Storage as SCP (PS3.4 A and B). Nothing slow happens here."""

import logging
import threading
import time
from functools import partial
from socketserver import BaseServer
from typing import Any
from uuid import UUID

from pydicom import config as pydicom_config
from pydicom import uid
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined] # made at import time
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from core.settings import Settings
from dicom_node.incoming import Growing, Incoming, StreamingProvider, let_through
from dicom_node.receiver import Command, Receiver

log = logging.getLogger("perfuscope.scp")

STORAGE_CLASSES = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.NuclearMedicineImageStorage,
    uid.PositronEmissionTomographyImageStorage,
    uid.EnhancedPETImageStorage,
    uid.CTImageStorage,
    uid.EnhancedCTImageStorage,
    uid.MRImageStorage,
    uid.EnhancedMRImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.XRayAngiographicImageStorage,
)
"""What is taken: the screens' classes first, then what a cardiac study may bring along."""

TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
)
"""What ``decode`` can read; pynetdicom's own list has Deflated, by which 0.4 MB take 850 MB of memory."""

_LONGEST_REQUEST = 2**20
_CLOSING_S = 5.0
_POLL_S = 0.25

_NOBODY = "nobody may associate"
"""Stands for an empty allow-list, which pynetdicom would read as "everybody"; longer than any AE title can be."""


class Listener:
    """A running listener; ``close`` ends it."""

    def __init__(self, settings: Settings, receiver: Receiver) -> None:
        self._receiver = receiver
        self._incoming = Incoming(settings.incoming, max_bytes=settings.max_object_mb * 2**20)
        self._incoming.clear()
        self._settings = settings
        self._open: dict[Association, set[UUID]] = {}
        self._ae = _application_entity(settings)
        self._server = self._start()

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; associations still open are aborted, and what they fed is written down."""
        self._server.shutdown()
        self._ae.shutdown()
        deadline = time.monotonic() + _CLOSING_S
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)

    def attend(self, assoc: Association) -> None:
        """See an association through from its first byte to its end, however it ends."""
        assoc.dimse = provider = StreamingProvider(assoc, self._incoming)
        _bound(assoc, timeout_s=self._settings.network_timeout_s, max_pdu_bytes=self._settings.max_pdu_bytes)
        fed = self._open[assoc] = set()
        try:
            assoc.start()
            assoc.join()
            self._receiver.close(fed)
        finally:
            provider.close()
            del self._open[assoc]

    def _start(self) -> ThreadedAssociationServer:
        handlers: list[Any] = [
            (evt.EVT_C_ECHO, lambda _event: 0x0000),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_DIMSE_RECV, let_through),
            (evt.EVT_REJECTED, _rejected),
            (evt.EVT_CONN_CLOSE, _hung_up),
        ]
        address = (self._settings.dicom_host, self._settings.dicom_port)
        server = self._ae.make_server(address, evt_handlers=handlers, server_class=_Server, listener=self)
        threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="listener", daemon=True).start()
        return server

    def _store(self, event: Event) -> int:
        growing = event.request.DataSet  # type: ignore[union-attr]
        if not isinstance(growing, Growing):
            raise TypeError("a C-STORE that did not come by our provider")
        command = Command(
            sop_class_uid=growing.sop_class_uid,
            sop_instance_uid=growing.sop_instance_uid,
            agreed_class_uid=str(event.context.abstract_syntax),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            sender_ae=str(event.assoc.requestor.ae_title).strip(),
        )
        try:
            return self._receiver.store(growing, command, self._open[event.assoc])
        finally:
            growing.close()


class _Handler(RequestHandler):
    """Runs an association in a thread that outlives it: pynetdicom has no event that every end of one raises."""

    server: "_Server"

    def handle(self) -> None:
        try:
            self.server.listener.attend(self._create_association())
        finally:
            self.request.close()  # pynetdicom leaves the socket of a peer that was gone first to the collector


class _Server(ThreadedAssociationServer):
    daemon_threads = True  # else ``shutdown`` would wait for associations that only ``close`` aborts

    def __init__(self, *args: Any, listener: Listener, **kwargs: Any) -> None:
        self.listener = listener
        super().__init__(*args, **kwargs)
        self.RequestHandlerClass = _Handler

    def shutdown(self) -> None:
        """Stop taking connections and free the port."""
        BaseServer.shutdown(self)
        self.server_close()


def _bound(assoc: Association, *, timeout_s: float, max_pdu_bytes: int) -> None:
    """Give up on a peer that falls silent within a PDU, or that announces one far beyond what was agreed."""
    sock = assoc.dul.socket
    if sock is None or sock.socket is None:
        return
    sock.socket.settimeout(timeout_s)
    limit = 2 * max(max_pdu_bytes, _LONGEST_REQUEST)
    setattr(sock, "recv", partial(_recv, sock, limit))  # noqa: B010 - a method replaced on one object


def _recv(sock: AssociationSocket, limit: int, nr_bytes: int) -> bytearray:
    if nr_bytes > limit:
        raise OSError("a PDU longer than agreed")
    return AssociationSocket.recv(sock, nr_bytes)


def _rejected(_event: Event) -> None:
    log.warning("association rejected")


def _hung_up(event: Event) -> None:
    """End the wait for a request that cannot come any more: till then the connection would count as an association."""
    if event.assoc.requestor.primitive is None and event.assoc.dul.to_user_queue.empty():
        event.assoc.dul.to_user_queue.put(None)


def _application_entity(settings: Settings) -> AE:
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
    _config.LOG_HANDLER_LEVEL = "none"  # it writes every message down, to a log that nobody keeps
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_associations = settings.max_associations
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = settings.network_timeout_s
    ae.require_called_aet = settings.check_called_ae
    if not settings.accept_any_peer:
        allowed = [p.ae_title for p in settings.peers if p.may_send]
        ae._require_calling_aet = allowed or [_NOBODY]  # noqa: SLF001 - the setter takes no _NOBODY
    ae.add_supported_context(Verification, [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
    for storage_class in STORAGE_CLASSES:
        ae.add_supported_context(storage_class, list(TRANSFER_SYNTAXES))
    return ae
