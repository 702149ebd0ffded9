"""The check of one peer as a destination: C-ECHO, a test object that says so, and storage commitment of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from core import MANUFACTURER, MODEL_NAME, delivery_codes
from core.errors import PerfuscopeError, Refused, Unavailable
from core.finding import Finding, Level, fail, not_run, ok, warn
from core.phi import Phi
from core.settings import Peer, Settings
from db import commitments
from db.commitments import Asked
from db.session import Sessions
from dicom_node import commitment, scu
from dicom_node.commitment_answers import Answers
from dicom_node.scu import Address, StoreRefused
from dicom_node.scu_association import Line
from dicom_node.scu_outcome import CONTEXT_REFUSED

PATIENT_NAME, PATIENT_ID = "TESTOBJECT^PERFUSCOPE^DOCTOR", "PERFUSCOPE-TEST"
_PATIENCE_S = 20.0


def peer(
    settings: Settings, sessions: Sessions | None, asked: Peer, *, patience_s: float = _PATIENCE_S
) -> Iterator[Finding]:
    """A line a step; what cannot be done because of an earlier one is said to be not run."""
    answered = echo(settings, asked)
    yield answered
    if answered.level is Level.FAIL or not asked.may_receive:
        why = "not run: no answer" if asked.may_receive else "not run: the peer has may_receive = false"
        yield not_run("test object", why)
        yield not_run("commitment", why)
        return
    line = Line(Address(asked.ae_title, asked.host, asked.port), settings.ae_title, settings.report.timeout_s)
    made = test_object()
    stored = _store(line, made)
    yield stored
    if not asked.commitment:
        yield not_run("commitment", f"not run: peer {asked.name} has commitment = false")
    elif stored.level is Level.FAIL or sessions is None:
        yield not_run("commitment", "not run: nothing is stored there, or the database is away")
    else:
        yield _Commitment(settings, sessions, asked.name, line, patience_s).check(made)


def echo(settings: Settings, asked: Peer) -> Finding:
    """A peer answers our C-ECHO; one that opens the association and takes none is there all the same."""
    started = time.perf_counter()
    try:
        scu.echo(Address(asked.ae_title, asked.host, asked.port), settings.ae_title, timeout_s=5)
    except Unavailable as error:
        if error.code == CONTEXT_REFUSED:
            todo = "Deliveries need none; have the peer offer Verification (1.2.840.10008.1.1) if it is to be tried."
            return warn(f"peer {asked.name}", "answers, but takes no C-ECHO", todo)
        todo = f"See whether {asked.host} port {asked.port} is right, and whether it knows {settings.ae_title}."
        return fail(f"peer {asked.name}", f"no answer to C-ECHO ({error.code})", todo)
    return ok(f"peer {asked.name}", f"answers C-ECHO in {(time.perf_counter() - started) * 1000:.0f} ms")


def test_object() -> Dataset:
    """A Secondary Capture that says TEST, of a patient whose name says so, in a study of its own."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(prefix=None)
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    made.PatientName, made.PatientID = PATIENT_NAME, PATIENT_ID
    made.PatientBirthDate = made.PatientSex = made.StudyID = made.AccessionNumber = made.ReferringPhysicianName = ""
    now = datetime.now(UTC)
    made.StudyDate, made.StudyTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    made.StudyDescription = made.SeriesDescription = "TEST of Perfuscope's delivery, no patient, may be deleted"
    made.Modality, made.ConversionType, made.SeriesNumber, made.InstanceNumber = "OT", "WSD", 1, 1
    made.BodyPartExamined, made.PatientOrientation = "HEART", None
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    picture = _picture()
    made.Rows, made.Columns = picture.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = picture.tobytes()
    made["PixelData"].VR = "OB"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _picture() -> np.ndarray:
    page = Image.new("L", (256, 128))
    ImageDraw.Draw(page).text((16, 48), "TEST, NO PATIENT", fill=255, font_size=24)
    return np.asarray(page)


def _store(line: Line, made: Dataset) -> Finding:
    buffer = BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True)
    try:
        sent = scu.send_bytes(
            buffer.getvalue(), to=line.to, calling_ae_title=line.calling_ae_title, timeout_s=line.timeout_s
        )
    except (Unavailable, StoreRefused) as error:
        return fail("test object", _words(error), "See the peer's log for the C-STORE of the test object.")
    said = f"a test object of {PATIENT_NAME} is stored; delete it there"
    if sent.status:
        return warn("test object", f"{said} (status 0x{sent.status:04X})", "See what the peer warns of.")
    return ok("test object", said)


def _words(error: PerfuscopeError) -> str:
    status = getattr(error, "status", None)
    code = getattr(error, "code", str(error))
    return delivery_codes.sentence(code if status is None else f"{code}:{status:04X}") or code


@dataclass(frozen=True, slots=True)
class _Commitment:
    """A request about the test object, by the tables that the running node answers from, too."""

    settings: Settings
    sessions: Sessions
    destination: str
    line: Line
    patience_s: float

    def check(self, made: Dataset) -> Finding:
        transaction_uid = Phi(generate_uid(prefix=None))
        items = [Asked(str(made.SOPClassUID), Phi(made.SOPInstanceUID), None)]
        with self.sessions.write() as session:
            request = commitments.begin(
                session,
                items,
                transaction_uid=transaction_uid,
                destination=self.destination,
                case_id=None,
                now=self.sessions.now(session),
            )
        answers = Answers(self.sessions, most=1)
        began = time.monotonic()
        try:
            commitment.ask(self.line, items, transaction_uid=transaction_uid, answers=answers, linger_s=2)
        except (Unavailable, Refused) as error:
            if error.code == CONTEXT_REFUSED:
                return fail("commitment", "the peer offers no storage commitment", "Set commitment = false for it.")
            return fail("commitment", _words(error), "Set commitment = false for this peer, or have it offer that.")
        while not answers.settled(transaction_uid) and time.monotonic() - began < self.patience_s:
            time.sleep(0.1)
        taken_s = time.monotonic() - began
        with self.sessions.read() as session:
            (item,) = commitments.items(session, request)
        if item.state == commitments.STORED:
            return ok("commitment", f"the peer says after {taken_s:.1f} s that it has stored it for good")
        if item.state == commitments.FAILED:
            return fail("commitment", f"the peer says that it has not stored it (0x{item.reason or 0:04X})", "Ask why.")
        todo = "See whether the node runs, and whether the peer knows our AE title with this host and port."
        return warn("commitment", f"asked, no answer after {taken_s:.0f} s", todo)
