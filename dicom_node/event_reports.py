"""Serves a peer's N-EVENT-REPORTs one after the other, and none once the association is to be released.

pynetdicom serves each in a thread of its own as it comes. So a peer decides how many threads there are; and what is
answered while the association is released meets a state in which nothing may be sent, which costs the peer its response
and us a time-out.
"""

import threading
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RQ
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.service_class_n import StorageCommitmentServiceClass

_LONGEST_S = 60
"""One that takes longer than this to serve is not waited for by the next."""


def serve_in_turn(association: Association) -> None:
    """Have the association serve them so. For EVT_CONN_OPEN, or before it starts; ``HANDLER`` belongs to it."""
    association._serve_request = _Turnstile(association)  # type: ignore[method-assign, assignment] # noqa: SLF001 - there is no other way in


def stop(association: Association) -> None:
    """Finish the answer at hand, and give none from now on: nothing may be sent once the release is asked for."""
    turnstile = association._serve_request  # noqa: SLF001 - as above
    if isinstance(turnstile, _Turnstile):
        turnstile.stop()


def _await_turn(event: Event) -> None:
    """Called in the thread that receives: until the report before is served, nothing more is read from the peer."""
    turnstile = event.assoc._serve_request  # noqa: SLF001 - as above
    if isinstance(event.message, N_EVENT_REPORT_RQ) and isinstance(turnstile, _Turnstile):
        turnstile.await_turn()


HANDLER = (evt.EVT_DIMSE_RECV, _await_turn)


class _Turnstile:
    """In the place of the association's own method, which still serves every other request."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._others = association._serve_request  # noqa: SLF001 - as above
        self._lock = threading.Lock()
        self._stopped = False
        self._free = threading.Event()
        self._free.set()

    def __call__(self, request: Any, context_id: int) -> None:
        context = self._association._accepted_cx.get(context_id)  # noqa: SLF001 - ``accepted_contexts`` sorts
        if context is None or not (isinstance(request, N_EVENT_REPORT) and request.is_valid_request):
            self._free.set()
            self._others(request, context_id)
            return
        try:
            with self._lock:
                if not self._stopped:  # else the peer says it again by an association of its own
                    StorageCommitmentServiceClass(self._association).SCP(request, context)
        finally:
            self._free.set()

    def await_turn(self) -> None:
        self._free.wait(_LONGEST_S)
        self._free.clear()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
