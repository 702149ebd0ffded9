"""A node inside the test's own process, and senders that may say anything by C-STORE."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from harness import NODE_AE, PACS_AE, free_port
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF
from sqlalchemy import func, select

from core.jobs import Bell
from core.settings import Peer, Settings
from db.session import Sessions
from db.tables import Base, Instance, Study
from dicom_node import reactor_gate
from dicom_node.commitment_answers import Answers
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from dicom_node.receiver import Receiver
from dicom_node.scp import Listener

CANARY = "CANARY"
"""Part of every identifier that ``screen`` invents but the UIDs; those hold ``UID_CANARY``."""
UID_CANARY = "7700770077"
SUCCESS, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
TIMEOUT_S = 20


def screen(number: int = 1, *, study: int = 1, pixels: int = 64) -> Dataset:
    """A small Secondary Capture of an invented patient; ``number`` is its place in ``study``."""
    ds = Dataset()
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.StudyInstanceUID = f"2.25.{UID_CANARY}.{study}"
    ds.SeriesInstanceUID = f"{ds.StudyInstanceUID}.1"
    ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{number}"
    ds.PatientName, ds.PatientID = f"{CANARY}^INVENTED", f"{CANARY}-ID-{study}"
    ds.PatientBirthDate, ds.StudyDate = "19010203", "20260102"
    ds.AccessionNumber, ds.Modality, ds.SeriesDescription = f"{CANARY}-ACC", "OT", f"{CANARY} QPS"
    ds.Rows = ds.Columns = pixels
    ds.PixelData = bytes(pixels * pixels)
    ds["PixelData"].VR = "OB"
    return ds


def encoded(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as it goes over the wire."""
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = UID(syntax).is_little_endian, UID(syntax).is_implicit_VR
    write_dataset(fp, ds)
    return fp.getvalue()


def _request(data: bytes | None, sop_class: str | None, sop_instance: str | None) -> C_STORE:
    request = C_STORE()
    request.MessageID, request.Priority = 7, 2
    request._affected_sop_class_uid = None if sop_class is None else UID(sop_class)
    request._affected_sop_instance_uid = None if sop_instance is None else UID(sop_instance)
    request.DataSet = None if data is None else BytesIO(data)
    return request


class Sender:
    """One open association of a sending peer."""

    def __init__(self, assoc: Association) -> None:
        self.assoc = assoc
        assert isinstance(assoc._reactor_checkpoint, reactor_gate.ReactorGate), "its thread may take the answer"

    def store(self, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> int:
        """The status for an honest C-STORE."""
        return self.say(encoded(ds, syntax), ds.SOPClassUID, ds.SOPInstanceUID, syntax=syntax)

    def say(
        self,
        data: bytes | None,
        sop_class: str | None = SecondaryCaptureImageStorage,
        sop_instance: str | None = "2.25.1",
        *,
        syntax: str = ExplicitVRLittleEndian,
        abstract: str | None = None,
    ) -> int:
        """The status for a C-STORE of these bytes, whatever they are, by the context for ``abstract``."""
        request = _request(data, sop_class, sop_instance)
        self.assoc._reactor_checkpoint.clear()
        try:
            self.assoc.dimse.send_msg(request, self._context(abstract or SecondaryCaptureImageStorage, syntax))
            _, response = self.assoc.dimse.get_msg(block=True)
        finally:
            self.assoc._reactor_checkpoint.set()
        assert isinstance(response, C_STORE), "no answer"
        assert response.Status is not None
        return response.Status

    def send_half(self, *, within_a_pdu: bool = False) -> socket.socket:
        """Send the first half of an object and no more; the socket it went by."""
        ds = screen(pixels=1000)
        message = C_STORE_RQ()
        message.primitive_to_message(_request(encoded(ds), ds.SOPClassUID, ds.SOPInstanceUID))
        pdus = []
        for primitive in message.encode_msg(self._context(ds.SOPClassUID, ExplicitVRLittleEndian), 16384):
            pdu = P_DATA_TF()
            pdu.from_primitive(primitive)
            pdus.append(pdu.encode())
        wire = self.wire
        wire.sendall(b"".join(pdus[: len(pdus) // 2]) + (pdus[-2][:5000] if within_a_pdu else b""))
        return wire

    @property
    def wire(self) -> socket.socket:
        """The bare connection."""
        assert self.assoc.dul.socket is not None
        assert self.assoc.dul.socket.socket is not None
        return self.assoc.dul.socket.socket

    def _context(self, abstract: str, syntax: str) -> int:
        found = (
            c.context_id or 0
            for c in self.assoc.accepted_contexts
            if (c.abstract_syntax, c.transfer_syntax[0]) == (abstract, syntax)
        )
        return next(found)


class Node:
    """Listener and receiver on a free port, with a home in ``home``; bells are collected, not rung."""

    def __init__(self, *, home: Path, sessions: Sessions, **settings: Any) -> None:
        peers = settings.pop("peers", (Peer(name="pacs", ae_title=PACS_AE),))
        values = {"dicom_port": free_port(), "min_free_disk_mb": 0, "network_timeout_s": TIMEOUT_S}
        self.settings = Settings(home=home, peers=peers, **(values | settings))
        self.sessions = sessions
        self.bells: list[Bell] = []
        self.settings.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        inbox = Inbox(self.settings.store, min_free_bytes=self.settings.min_free_disk_mb * 2**20)
        self.receiver = Receiver(sessions=sessions, inbox=inbox, ring=self._ring, policy=Policy.of(self.settings))
        self.answers = Answers(sessions, most=self.settings.report.commitment_attempts)
        self.listener = Listener(self.settings, self.receiver, self.answers)
        self.port = self.listener.port
        self._wires: list[socket.socket] = []

    def _ring(self, bells: Iterable[Bell]) -> None:
        self.bells.extend(bells)

    def request(
        self,
        contexts: Iterable[tuple[str, str]] = ((SecondaryCaptureImageStorage, ExplicitVRLittleEndian),),
        *,
        calling: str = PACS_AE,
        called: str = NODE_AE,
        handlers: Iterable[Any] = (),
    ) -> Association:
        """An association asked for; it may have been rejected."""
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = TIMEOUT_S
        for abstract, syntax in contexts:
            ae.add_requested_context(abstract, syntax)
        return ae.associate(
            "127.0.0.1",
            self.port,
            ae_title=called,
            evt_handlers=[*handlers, reactor_gate.HANDLER, (evt.EVT_CONN_OPEN, self._note_wire)],
        )

    def _note_wire(self, event: evt.Event) -> None:
        self._wires.append(Sender(event.assoc).wire)

    def request_bytes(self) -> bytes:
        """An A-ASSOCIATE-RQ as ``request`` sends it."""
        sent: list[bytes] = []
        assoc = self.request(handlers=[(evt.EVT_DATA_SENT, lambda event: sent.append(event.data))])
        assoc.release()
        return sent[0]

    @contextmanager
    def sender(self, *contexts: tuple[str, str]) -> Iterator[Sender]:
        """An accepted association, released at the end."""
        assoc = self.request(contexts) if contexts else self.request()
        assert assoc.is_established
        yield Sender(assoc)
        assoc.release()

    def store(self, *datasets: Dataset) -> list[int]:
        """Statuses for objects sent by one association."""
        with self.sender() as sender:
            return [sender.store(ds) for ds in datasets]

    def echoes(self) -> bool:
        """Whether the node still serves: an association with an object, and nothing else will do."""
        return self.store(screen(999, study=999)) == [SUCCESS]

    def talk(self, data: bytes) -> bytes:
        """What a bare TCP client hears back for these bytes, until the node hangs up."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as peer:
            peer.sendall(data)
            while part := peer.recv(4096):
                heard += part
        return heard

    def count(self, table: type[Base]) -> int:
        with self.sessions.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def instances(self) -> list[Instance]:
        """All rows of received objects, in the order of receipt."""
        with self.sessions.read() as session:
            return list(session.scalars(select(Instance).order_by(Instance.received_at)))

    def open_associations(self) -> list[int]:
        with self.sessions.read() as session:
            return list(session.scalars(select(Study.open_associations).order_by(Study.received_at)))

    def stored(self) -> list[Path]:
        """The files of the store."""
        return [path for path in self.settings.store.rglob("*") if path.is_file()]

    def incoming(self) -> list[Path]:
        """The files that still grow."""
        return list(self.settings.incoming.iterdir())

    def close(self) -> None:
        self.listener.close()

    def hang_up(self) -> None:
        """Close the senders' sockets, too: pynetdicom leaves one to the collector if its peer was gone first."""
        for wire in self._wires:
            wire.close()


NodeMaker = Callable[..., Node]


def quiet_log() -> None:
    """The log levels of a node: pynetdicom and pydicom would print what they were sent."""
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
