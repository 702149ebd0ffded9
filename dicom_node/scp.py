"""The DICOM listener: Verification and Storage as SCP (PS3.4 A and B), answers to requests for storage commitment (J).

Nothing slow happens here.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from pydicom import config as pydicom_config
from pydicom import uid
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined] # made at import time
    StorageCommitmentPushModel,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from core import SELF_TEST_AE
from core.settings import Settings
from dicom_node import event_reports
from dicom_node.commitment_answers import Answers
from dicom_node.fed import Fed
from dicom_node.growing import Growing, Incoming
from dicom_node.incoming import StreamingProvider, let_through
from dicom_node.receiver import Command, Receiver
from dicom_node.server import Entity, Server
from dicom_node.upper_layer import UpperLayer
from dicom_node.waiting_room import WaitingRoom
from dicom_node.wire import Limits, NoRequest, read_request

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
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.KeyObjectSelectionDocumentStorage,
)
"""What is taken: the screens' classes first, then what a cardiac study may bring along, our own reports among it."""

TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
)
"""What ``decode`` can read; pynetdicom's own list has Deflated, by which 0.4 MB take 850 MB of memory."""

_LONGEST_REQUEST = 2**20
_LONGEST_REQUEST_S = 10.0
_SEATS_PER_ASSOCIATION = 4
_CLOSING_S = 5.0
_POLL_S = 0.25

_NOT_AUTHORISED = 0x0124
"""PS3.7 C.4.1.1.2: refused."""


class Listener:
    """A running listener; ``close`` ends it."""

    def __init__(self, settings: Settings, receiver: Receiver, answers: Answers) -> None:
        self._receiver = receiver
        self._answers = answers
        self._incoming = Incoming(settings.incoming, max_bytes=settings.max_object_mb * 2**20)
        self._incoming.clear()
        self._settings = settings
        self._open: dict[Association, Fed] = {}
        self._limits = Limits(pdu_s=settings.network_timeout_s, pdu_bytes=2 * max(settings.max_pdu_bytes, 2**20))
        self._request_limits = Limits(pdu_s=_request_s(settings), pdu_bytes=_LONGEST_REQUEST)
        self._waiting_room = WaitingRoom(seats=_SEATS_PER_ASSOCIATION * settings.max_associations)
        self._ae = _application_entity(settings)
        self._server = self._start()

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; associations still open are aborted, and what they fed is written down."""
        self._server.shutdown()
        self._waiting_room.clear()
        self._ae.shutdown()
        deadline = time.monotonic() + _CLOSING_S
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)

    def _attend(self, sock: socket.socket, associate: Callable[[], Association]) -> None:
        """See a connection through from its first byte to its end, however it ends."""
        self._waiting_room.enter(sock)
        try:
            request = read_request(sock, limits=self._request_limits)
            self._converse(sock, associate(), request)
        except NoRequest:
            log.info("a connection that asked for no association")
        finally:
            self._waiting_room.leave(sock)

    def _converse(self, sock: socket.socket, assoc: Association, request: bytes) -> None:
        assoc.dimse = provider = StreamingProvider(assoc, self._incoming)
        event_reports.serve_in_turn(assoc)
        layer = UpperLayer(assoc, sock, ahead=request, limits=self._limits)
        fed = self._open[assoc] = Fed()
        try:
            assoc.start()
            assoc.join()
            self._receiver.close(fed)
        finally:
            layer.close()
            provider.close()
            del self._open[assoc]

    def _start(self) -> ThreadedAssociationServer:
        handlers: list[Any] = [
            (evt.EVT_C_ECHO, lambda _event: 0x0000),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_DIMSE_RECV, let_through),
            event_reports.HANDLER,
            self._answers.handler,
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_REJECTED, _rejected),
        ]
        address = (self._settings.dicom_host, self._settings.dicom_port)
        server = self._ae.make_server(address, evt_handlers=handlers, server_class=Server, attend=self._attend)
        threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="listener", daemon=True).start()
        return server

    def _accepted(self, event: Event) -> None:
        layer = event.assoc.dul
        if layer.socket is not None and layer.socket.socket is not None:
            self._waiting_room.leave(layer.socket.socket)

    def _store(self, event: Event) -> int:
        growing = event.request.DataSet  # type: ignore[union-attr]
        if not isinstance(growing, Growing):
            raise TypeError("a C-STORE that did not come by our provider")
        sender_ae = str(event.assoc.requestor.ae_title).strip()
        if sender_ae == SELF_TEST_AE and not _from_here(event.assoc):
            log.warning("object refused: a self-test from another machine")
            growing.close()
            return _NOT_AUTHORISED
        if not self._may_send(sender_ae):
            log.warning("object refused: its sender may only answer for what it was sent")
            growing.close()
            return _NOT_AUTHORISED
        command = Command(
            sop_class_uid=growing.sop_class_uid,
            sop_instance_uid=growing.sop_instance_uid,
            agreed_class_uid=str(event.context.abstract_syntax),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            sender_ae=sender_ae,
        )
        try:
            return self._receiver.store(growing, command, self._open[event.assoc])
        finally:
            growing.close()

    def _may_send(self, ae_title: str) -> bool:
        """Whether a calling AE title may send objects: some peers call only to answer for what they have stored."""
        return self._settings.accept_any_peer or ae_title in {SELF_TEST_AE, *_senders(self._settings)}


def _senders(settings: Settings) -> list[str]:
    return [peer.ae_title for peer in settings.peers if peer.may_send]


def _request_s(settings: Settings) -> float:
    """How long a peer may take to ask for an association, and to hang up when it was turned away."""
    return min(settings.network_timeout_s, _LONGEST_REQUEST_S)


def _from_here(assoc: Association) -> bool:
    """Whether the peer runs on this machine: both ends of the connection have one address."""
    layer = assoc.dul.socket
    if layer is None or layer.socket is None:
        return False
    return bool(layer.socket.getpeername()[0] == layer.socket.getsockname()[0])


def _rejected(_event: Event) -> None:
    log.warning("association rejected")


def _application_entity(settings: Settings) -> AE:
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
    _config.LOG_HANDLER_LEVEL = "none"  # it writes every message down, to a log that nobody keeps
    ae = Entity(ae_title=settings.ae_title)
    ae.maximum_associations = settings.max_associations
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.acse_timeout = _request_s(settings)
    ae.dimse_timeout = ae.network_timeout = settings.network_timeout_s
    ae.require_called_aet = settings.check_called_ae
    if not settings.accept_any_peer:
        answering = [peer.ae_title for peer in settings.peers if peer.commitment]
        ae.require_calling_aet = [*dict.fromkeys([*_senders(settings), *answering]), SELF_TEST_AE]
    ae.add_supported_context(Verification, [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
    commitment = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
    ae.add_supported_context(StorageCommitmentPushModel, commitment, scu_role=True, scp_role=True)
    for storage_class in STORAGE_CLASSES:
        ae.add_supported_context(storage_class, list(TRANSFER_SYNTAXES))
    return ae
