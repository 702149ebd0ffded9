"""The DICOM listener: Verification and Storage as SCP (PS3.4 A and B). Nothing slow happens here."""

import logging
from typing import Any
from uuid import UUID

from pydicom import config as pydicom_config
from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined] # made at import time
from pynetdicom.transport import ThreadedAssociationServer

from core.settings import Settings
from dicom_node.incoming import Incoming
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
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
)
"""Named one by one: pynetdicom's own list has Deflated, by which 0.4 MB take 850 MB of memory."""

_NOBODY = "\x7e" * 16
"""An AE title to stand for an empty allow-list, which pynetdicom would read as "everybody"."""


class Listener:
    """A running listener; ``close`` ends it."""

    def __init__(self, settings: Settings, receiver: Receiver) -> None:
        self._receiver = receiver
        self._incoming = Incoming(settings.incoming, max_bytes=settings.max_object_mb * 2**20)
        self._incoming.install()
        self._fed: dict[int, set[UUID]] = {}
        self._ae = _application_entity(settings)
        self._server = self._start(settings)

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; associations still open are aborted."""
        self._server.shutdown()
        self._ae.shutdown()

    def _start(self, settings: Settings) -> ThreadedAssociationServer:
        handlers: list[Any] = [
            (evt.EVT_C_ECHO, lambda _event: 0x0000),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._ended),
            (evt.EVT_ABORTED, self._ended),
            (evt.EVT_CONN_CLOSE, self._ended),
            (evt.EVT_REJECTED, _rejected),
        ]
        address = (settings.dicom_host, settings.dicom_port)
        server = self._ae.start_server(address, block=False, evt_handlers=handlers)
        if server is None:
            raise RuntimeError("pynetdicom started no server")
        return server

    def _store(self, event: Event) -> int:
        command = Command(
            sop_class_uid=str(event.request.AffectedSOPClassUID),
            sop_instance_uid=str(event.request.AffectedSOPInstanceUID),  # type: ignore[union-attr]
            transfer_syntax_uid=str(event.context.transfer_syntax),
            sender_ae=str(event.assoc.requestor.ae_title).strip(),
        )
        fed = self._fed.setdefault(id(event.assoc), set())
        return self._receiver.store(self._incoming.of(event.dataset_path), command, fed)

    def _ended(self, event: Event) -> None:
        fed = self._fed.pop(id(event.assoc), None)
        if fed:
            self._receiver.close(fed)


def _rejected(_event: Event) -> None:
    log.warning("association rejected")


def _application_entity(settings: Settings) -> AE:
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_associations = settings.max_associations
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = settings.network_timeout_s
    ae.require_called_aet = settings.check_called_ae
    if not settings.accept_any_peer:
        ae.require_calling_aet = [p.ae_title for p in settings.peers if p.may_send] or [_NOBODY]
    ae.add_supported_context(Verification, [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
    for storage_class in STORAGE_CLASSES:
        ae.add_supported_context(storage_class, list(TRANSFER_SYNTAXES))
    return ae
