"""Serves a peer's N-EVENT-REPORT while we wait for its response to something else.

pynetdicom hands a waiting caller the next message that comes, whatever it is: an answer that is quicker than the
response would be taken for a bad response, and the association aborted.
"""

import queue
import threading

from pynetdicom.association import Association
from pynetdicom.dimse import _QueueItem
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.service_class_n import StorageCommitmentServiceClass


def divert(association: Association) -> None:
    """Have the association serve event reports in the thread that receives them. For EVT_CONN_OPEN."""
    association.dimse.msg_queue = _Diverted(association)


def stop(association: Association) -> None:
    """Finish the answer at hand, and give none from now on: nothing may be sent once the release is asked for."""
    diverted = association.dimse.msg_queue
    if isinstance(diverted, _Diverted):
        diverted.stop()


class _Diverted(queue.Queue[_QueueItem]):
    """Complete messages but the event reports, which are answered on their way."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Answer nothing more."""
        with self._lock:
            self._stopped = True

    def put(self, item: _QueueItem, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """Serve an event report; queue anything else."""
        context_id, request = item
        context = self._association._accepted_cx.get(context_id or 0)  # noqa: SLF001 - ``accepted_contexts`` sorts
        if isinstance(request, N_EVENT_REPORT) and request.is_valid_request and context is not None:
            with self._lock:
                if not self._stopped:  # else the peer says it again by an association of its own
                    StorageCommitmentServiceClass(self._association).SCP(request, context)
        else:
            super().put(item, block, timeout)
