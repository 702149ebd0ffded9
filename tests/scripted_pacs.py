"""A PACS that behaves as a test says: stores or refuses, falls silent, hangs up, and commits in every allowed way."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness import NODE_AE
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage, generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_node import reactor_gate

Asked = tuple[str, list[str]]
"""A Transaction UID and the SOP Instance UIDs that were asked about."""


@dataclass
class ScriptedPacs:
    """An SCP on a free port. ``way``: by which association it answers, ``when``: before or after its response."""

    ae_title: str
    node_port: int = 0
    status: Callable[[str], int] = lambda _uid: 0x0000
    way: str = "same"
    when: str = "after"
    role: bool = True
    times: int = 1
    fails: Callable[[str], bool] = lambda _uid: False
    action_status: int = 0x0000
    lists: Callable[[str], bool] = lambda _uid: True
    matches: int = 1
    """How often it lists an object that it lists."""
    reads: int | None = None
    """How many bytes it takes of an association before it reads no more; None is all. ``wake`` ends that."""
    stored: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses that its event reports got."""
    _awake: threading.Event = field(default_factory=threading.Event)

    def start(self, port: int = 0) -> "ScriptedPacs":
        ae = AE(ae_title=self.ae_title)
        for kind in (SecondaryCaptureImageStorage, KeyObjectSelectionDocumentStorage, StorageCommitmentPushModel):
            ae.add_supported_context(kind)
        ae.add_supported_context(Verification)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_DATA_RECV, self._read),
            reactor_gate.HANDLER,  # it asks too
        ]
        self._server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])
        return self

    def stop(self) -> None:
        self._awake.set()
        self._server.shutdown()

    def wake(self) -> None:
        """Read on where it had stopped."""
        self.reads = None
        self._awake.set()

    def _read(self, event: Event) -> None:
        """Called in the thread that reads, so that nothing is read while it waits."""
        if self.reads is not None:
            self.reads -= len(event.data)
            if self.reads < 0:
                self._awake.clear()
                self._awake.wait(60)

    def _store(self, event: Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        status = self.status(uid)
        if status == -1:
            event.assoc.abort()
            return 0xC000
        if status & 0xF000 == 0xB000 or status == 0:
            self.stored.append(uid)
        return status

    def _find(self, event: Event) -> Any:
        uid = str(event.identifier.SOPInstanceUID)
        for _ in range(self.matches if self.lists(uid) else 0):
            yield 0xFF00, event.identifier
        yield 0x0000, None

    def _action(self, event: Event) -> tuple[int, None]:
        information = event.action_information
        asked = (
            str(information.TransactionUID),
            [str(item.ReferencedSOPInstanceUID) for item in information.ReferencedSOPSequence],
        )
        self.asked.append(asked)
        if self.action_status or self.when == "never":
            return self.action_status, None
        if self.when == "early":
            self._answer(event.assoc, asked)
        elif self.when == "after":
            threading.Timer(0.05, self._answer, [event.assoc, asked]).start()
        return 0x0000, None

    def _answer(self, assoc: Association, asked: Asked) -> None:
        for _ in range(self.times):
            if self.way == "same":
                self.answers.append(self._report(assoc, asked))
            else:
                self.call(asked)

    def call(self, asked: Asked) -> int:
        """Answer by an association of its own; the status that the answer got."""
        ae = AE(ae_title=self.ae_title)
        ae.add_requested_context(StorageCommitmentPushModel)
        roles = [build_role(StorageCommitmentPushModel, scp_role=True)] if self.role else []
        assoc = ae.associate(
            "127.0.0.1", self.node_port, ae_title=NODE_AE, ext_neg=roles, evt_handlers=[reactor_gate.HANDLER]
        )
        assert assoc.is_established, "the node refuses answers"
        try:
            self.answers.append(self._report(assoc, asked))
        finally:
            assoc.release()
        return self.answers[-1]

    def _report(self, assoc: Association, asked: Asked) -> int:
        transaction_uid, uids = asked
        information = Dataset()
        information.TransactionUID = transaction_uid
        information.ReferencedSOPSequence = [_item(uid) for uid in uids if not self.fails(uid)]
        failed = [_item(uid) for uid in uids if self.fails(uid)]
        for item in failed:
            item.FailureReason = 0x0112
        if failed:
            information.FailedSOPSequence = failed
        answer, _ = assoc.send_n_event_report(
            information, 2 if failed else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        return int(answer.get("Status", -1))


def _item(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SecondaryCaptureImageStorage, uid
    return item


def unknown() -> Asked:
    """A transaction that nobody began."""
    return str(generate_uid(prefix=None)), [str(generate_uid(prefix=None))]
