"""Storage commitment as a client (PS3.4 J): asks a peer to say that it has stored objects for good.

The peer's answer is an N-EVENT-REPORT, which may come by the same association, even before the response to the request,
or by a new one to the node. ``Answers`` takes both.
"""

import time
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined] # made at import time
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
)

from core.errors import Refused, Unavailable
from core.phi import Phi
from db.commitments import Asked
from dicom_node import event_reports
from dicom_node.commitment_answers import SUCCESS, Answers
from dicom_node.scu_association import Line, end, lost_or_silent
from dicom_node.scu_outcome import ASSOCIATION_LOST

_REQUEST = 1
"""The Action Type (PS3.4 J.3.2.1)."""

_PENDING = {0xFF00, 0xFF01}
_MOST_ANSWERS = 100
"""One object is asked for: a match, and the end."""
_WORTH_RETRYING = {0x0110: "commitment_failed", 0x0213: "out_of_resources"}


def ask(line: Line, items: Sequence[Asked], *, transaction_uid: Phi, answers: Answers, linger_s: float) -> None:
    """Ask for commitment of the objects, and listen on the same association for at most ``linger_s`` more.

    Write the request down before. Raises Unavailable where asking again later may help, Refused where it does not.
    """
    in_turn = (evt.EVT_CONN_OPEN, lambda event: event_reports.serve_in_turn(event.assoc))
    handlers = [in_turn, event_reports.HANDLER, answers.handler]
    with line.opened([(StorageCommitmentPushModel, ImplicitVRLittleEndian)], handlers) as association:
        try:
            status = _request(association, items, transaction_uid)
            deadline = time.monotonic() + (linger_s if status == SUCCESS else 0)
            while association.is_established and time.monotonic() < deadline and not answers.settled(transaction_uid):
                time.sleep(0.05)
        finally:
            event_reports.stop(association)
    if status in _WORTH_RETRYING:
        raise Unavailable(_WORTH_RETRYING[status])
    if status != SUCCESS:
        raise Refused(f"commitment_refused:{status:04X}")


def _request(association: Association, items: Sequence[Asked], transaction_uid: Phi) -> int:
    information = Dataset()
    information.TransactionUID = transaction_uid.reveal()
    information.ReferencedSOPSequence = [_reference(item) for item in items]
    began = time.monotonic()
    try:
        answer, _ = association.send_n_action(
            information, _REQUEST, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    except (RuntimeError, ValueError):  # gone, or it accepted something else
        raise Unavailable(ASSOCIATION_LOST) from None
    if "Status" not in answer:
        end(association)
        raise Unavailable(lost_or_silent(association, began=began))
    return int(answer.Status)


def _reference(item: Asked) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = item.sop_class_uid
    reference.ReferencedSOPInstanceUID = item.sop_instance_uid.reveal()
    return reference


def holds(line: Line, *, study: Phi, series: Phi, instance: Phi) -> bool:
    """Whether the peer lists an object (C-FIND at IMAGE level); raises Unavailable where it does not say."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID, identifier.SeriesInstanceUID = study.reveal(), series.reveal()
    identifier.SOPInstanceUID = instance.reveal()
    found, status = False, None
    began = time.monotonic()
    with line.opened([(StudyRootQueryRetrieveInformationModelFind, ImplicitVRLittleEndian)]) as association:
        try:
            answers = association.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind)
            for number, (answer, match) in enumerate(answers, start=1):
                if number > _MOST_ANSWERS:  # it does not look at what is asked for, and may never end
                    association.abort()
                    raise Unavailable("query_unbounded")
                status = answer.get("Status")
                if status in _PENDING and match is not None:
                    found = found or str(match.get("SOPInstanceUID")) == instance.reveal()
        except (RuntimeError, ValueError, AttributeError):
            raise Unavailable(ASSOCIATION_LOST) from None
        if status is None:
            end(association)
            raise Unavailable(lost_or_silent(association, began=began))
    if status != 0x0000:
        raise Unavailable(f"query_refused:{status:04X}")
    return found
