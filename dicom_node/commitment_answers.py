"""Takes what peers say of objects that they were asked to store for good (PS3.4 J.3.3), whenever it comes."""

import logging
from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StorageCommitmentPushModelInstance,
)
from sqlalchemy.exc import SQLAlchemyError

from core.phi import Phi
from db import commitments
from db.commitments import Answer
from db.session import Sessions
from dicom_node.decode import PYDICOM_ERRORS

log = logging.getLogger("perfuscope.commitment")

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
NO_SUCH_EVENT = 0x0113
INVALID_ARGUMENT = 0x0115
"""Statuses of N-EVENT-REPORT (PS3.7 10.1.1.1.8)."""

_ALL_STORED, _SOME_FAILED = 1, 2
"""Event Types (PS3.4 J.3.3.1)."""
_UNKNOWN_REASON = 0x0110


class Answers:
    """Writes answers down; ``most``: how often an object that was not stored is sent in all."""

    def __init__(self, sessions: Sessions, *, most: int) -> None:
        self._sessions = sessions
        self._most = most

    @property
    def handler(self) -> tuple[Any, Any]:
        """For pynetdicom."""
        return (evt.EVT_N_EVENT_REPORT, self._on_event)

    def settled(self, transaction_uid: Phi) -> bool:
        """Whether a request has its whole answer; only reads."""
        with self._sessions.read() as session:
            return commitments.is_settled_by(session, transaction_uid)

    def _on_event(self, event: Event) -> tuple[int, None]:
        return self.take(event), None

    def take(self, event: Event) -> int:
        """The status for an N-EVENT-REPORT. Success only once it is written down; a duplicate changes nothing."""
        if event.request.AffectedSOPInstanceUID != StorageCommitmentPushModelInstance:  # type: ignore[union-attr]
            return NO_SUCH_INSTANCE
        if event.event_type not in {_ALL_STORED, _SOME_FAILED}:
            return NO_SUCH_EVENT
        try:
            transaction_uid, answer = _read(event.event_information)
        except PYDICOM_ERRORS:
            log.warning("an answer about stored objects cannot be read")
            return INVALID_ARGUMENT
        try:
            return self._write_down(transaction_uid, answer)
        except SQLAlchemyError as error:
            log.warning("an answer about stored objects is not written down (%s)", type(error).__name__)
            return PROCESSING_FAILURE

    def _write_down(self, transaction_uid: Phi, answer: Answer) -> int:
        with self._sessions.write() as session:
            now = self._sessions.now(session)
            request = commitments.of_transaction(session, transaction_uid)
            if request is None:
                log.warning("an answer about objects that nobody asked about")
                return INVALID_ARGUMENT
            commitments.apply(session, request, answer, most=self._most, now=now)
            log.info("request %s answered: %d stored, %d not", request.id, len(answer.stored), len(answer.failed))
        return SUCCESS


def _read(information: Dataset) -> tuple[Phi, Answer]:
    transaction_uid = Phi(str(information.TransactionUID))
    stored = {Phi(str(item.ReferencedSOPInstanceUID)) for item in _items(information, "ReferencedSOPSequence")}
    failed = {
        Phi(str(item.ReferencedSOPInstanceUID)): int(item.get("FailureReason") or _UNKNOWN_REASON)
        for item in _items(information, "FailedSOPSequence")
    }
    return transaction_uid, Answer(frozenset(stored - failed.keys()), failed)


def _items(information: Dataset, keyword: str) -> Iterable[Dataset]:
    return information.get(keyword) or ()
