"""Keeps a peer's N-EVENT-REPORT and the end of the association apart.

pynetdicom serves an event report in a thread of its own, since it may come while we wait for the response to something
else. Where the association is released meanwhile, that thread answers after the release was asked for, which the upper
layer's protocol forbids (PS3.8 9.2, Sta7): the thread that talks to the peer dies, and the release waits for nothing.
"""

import threading
from collections.abc import Callable

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_EVENT_REPORT, DimseServiceType


def divert(association: Association) -> None:
    """Have the association's event reports served one at a time, until ``stop``. For EVT_CONN_OPEN."""
    association._serve_request = _Served(association._serve_request)  # type: ignore[assignment, method-assign]  # noqa: SLF001 - no public place


def stop(association: Association) -> None:
    """Finish the answer at hand, and give none from now on: nothing may be sent once the release is asked for."""
    served = association._serve_request  # noqa: SLF001 - as above
    if isinstance(served, _Served):
        served.stop()


class _Served:
    """Serves requests as pynetdicom does, event reports only until it is stopped."""

    def __init__(self, serve: Callable[[DimseServiceType, int], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Wait for the answer at hand; answer nothing more."""
        with self._lock:
            self._stopped = True

    def __call__(self, request: DimseServiceType, context_id: int) -> None:
        """Serve it; what comes too late, the peer says again by an association of its own."""
        if not isinstance(request, N_EVENT_REPORT):
            self._serve(request, context_id)
            return
        with self._lock:
            if not self._stopped:
                self._serve(request, context_id)
