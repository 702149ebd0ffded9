"""What happens to one received object: checked, stored, written down, and only then answered with success."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy.exc import SQLAlchemyError

from core.jobs import Bell, JobStage
from core.phi import Phi
from db import counters, jobs, reports, studies
from db.session import Sessions
from db.tables import Instance
from dicom_node import completion, prepare
from dicom_node import header as headers
from dicom_node.completion import Policy
from dicom_node.fed import Fed
from dicom_node.growing import Growing
from dicom_node.header import Header, UnparsableObject
from dicom_node.inbox import Inbox

log = logging.getLogger("perfuscope.receiver")

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DATA_SET_MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
"""The statuses of the storage service, PS3.4 table B.2-1."""

_STATUS_OF = {
    "disk": OUT_OF_RESOURCES,
    "too_large": OUT_OF_RESOURCES,
    "command": CANNOT_UNDERSTAND,
    "empty": CANNOT_UNDERSTAND,
}


@dataclass(frozen=True, slots=True)
class Command:
    """What the C-STORE request itself says of the object."""

    sop_class_uid: str
    sop_instance_uid: Phi
    agreed_class_uid: str
    """The abstract syntax of the presentation context that the request came by."""
    transfer_syntax_uid: str
    sender_ae: str

    def __repr__(self) -> str:
        return "Command(...)"


class Receiver:
    """Stores objects; any number of associations may use it at once."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        inbox: Inbox,
        ring: Callable[[Iterable[Bell]], None],
        policy: Policy,
    ) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._ring = ring
        self._policy = policy

    def store(self, growing: Growing, command: Command, fed: Fed) -> int:
        """The C-STORE status for a complete object; ``fed`` collects the studies that its association feeds."""
        growing.complete()
        if growing.problem is not None:
            log.warning("object refused: %s", growing.problem)
            return _STATUS_OF[growing.problem]
        try:
            header = headers.read(growing.path)
        except UnparsableObject:
            log.warning("object refused: its UIDs cannot be read")
            return CANNOT_UNDERSTAND
        except OSError:
            return self._no_disk()
        if (header.sop_class_uid, header.sop_instance_uid) != (command.sop_class_uid, command.sop_instance_uid):
            log.warning("object refused: command and data set name different objects")
            return DATA_SET_MISMATCH
        if command.sop_class_uid != command.agreed_class_uid:
            log.warning("object refused: another SOP class was agreed on")
            return DATA_SET_MISMATCH
        return self._keep(growing, command, header, fed)

    def _no_disk(self) -> int:
        log.error("object refused: the store cannot be written")
        return OUT_OF_RESOURCES

    def _keep(self, growing: Growing, command: Command, header: Header, fed: Fed) -> int:
        instance_id = uuid4()
        relative = ""
        try:
            if not self._inbox.has_room():
                return self._no_disk()
            growing.sync()
            relative = self._inbox.place(instance_id)
            self._inbox.adopt(growing.path, relative)
        except OSError:
            if relative:
                self._inbox.discard(relative)
            return self._no_disk()
        arrival = _arrival(header, command, instance_id, relative, size=growing.size, sha256=growing.sha256)
        try:
            return self._write_down(arrival, ours=header.ours, fed=fed)
        except SQLAlchemyError as error:
            self._inbox.discard(relative)
            log.error("object refused: the database is away (%s)", type(error).__name__)  # noqa: TRY400 - no values
            return OUT_OF_RESOURCES

    def _write_down(self, arrival: studies.Arrival, *, ours: bool, fed: Fed) -> int:
        """Row and job in one transaction; the bell after it."""
        bell: Bell | None = None
        with self._sessions.write() as session:
            now = self._sessions.now(session)
            if ours or reports.is_known(session, arrival.sop_instance_uid):
                return self._ignore(arrival, counters.add_one(session, counters.CAME_BACK, now=now))
            received = studies.receive(session, arrival, now=now, fed=fed.stored)
            if received.new and arrival.candidate:
                bell = jobs.add(
                    session, JobStage.PREPARE, subject=arrival.instance_id, now=now, ring_again=self._policy.ring_again
                )
            if received.known is not None:
                self._drop_duplicate(arrival, received.known)
        fed.sender_ae = arrival.sender_ae
        if received.known is not None:
            fed.duplicates[received.study_id] += 1
            return SUCCESS
        fed.stored[received.study_id] += 1
        log.info("stored instance %s of study %s, %d bytes", arrival.instance_id, received.study_id, arrival.size)
        self._ring([bell] if bell else [])
        return SUCCESS

    def _ignore(self, arrival: studies.Arrival, count: int) -> int:
        self._inbox.discard(arrival.path)
        log.info("one of our own reports came back and is not kept (%d so far)", count)
        return SUCCESS

    def _drop_duplicate(self, arrival: studies.Arrival, known: Instance) -> None:
        """Remove the new file, unless the known one is gone: success means stored, also the second time."""
        log.info("duplicate: study %s", known.study_id)
        if known.purged_at is None and self._inbox.holds(known.path):
            self._inbox.discard(arrival.path)
            return
        known.path, known.purged_at = arrival.path, None
        log.warning("instance %s had no file; it has one again", known.id)

    def close(self, fed: Fed) -> None:
        """The association that fed these studies is gone. A lost database costs the association wait and its events."""
        if not fed.studies():
            return
        try:
            with self._sessions.write() as session:
                studies.close_associations(session, frozenset(fed.stored))
                now = self._sessions.now(session)
                fed.record(session, now=now)
                settled = [completion.settle(session, study, now=now, policy=self._policy) for study in fed.studies()]
        except SQLAlchemyError as error:
            log.warning("end of association not written down (%s)", type(error).__name__)
            return
        self._ring(bell for bell in settled if bell)


def _arrival(
    header: Header, command: Command, instance_id: UUID, relative: str, *, size: int, sha256: str
) -> studies.Arrival:
    return studies.Arrival(
        instance_id=instance_id,
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        transfer_syntax_uid=command.transfer_syntax_uid,
        modality=header.modality,
        series_description=header.series_description,
        identity=header.identity,
        path=relative,
        size=size,
        sha256=sha256,
        sender_ae=command.sender_ae,
        candidate=prepare.is_candidate(header.sop_class_uid),
    )
