"""Keeps the thread of an association that we asked for from taking the answer another thread waits for.

pynetdicom halts that thread before it sends a request, and knows that it halts by a mark set before it does. Held up
right between the two, on a busy machine, the thread takes one more message: the answer, which is then lost, and whoever
asked waits until his time is over.
"""

import threading

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event

_LOOK_AGAIN_S = 0.01


class ReactorGate(threading.Event):
    """In the place of the event at which pynetdicom halts the thread: once ``clear`` returns, the thread is halted."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._halted = threading.Condition()
        self._at_gate = False
        self.set()

    def set(self) -> None:
        """Let the thread go on."""
        with self._halted:
            super().set()
            self._halted.notify_all()

    def clear(self) -> None:
        """Halt the thread, and wait until it is; what it is serving is served first."""
        own = threading.current_thread() is self._association
        with self._halted:
            super().clear()
            while not own and not self._at_gate and self._association.is_alive() and not self.is_set():
                self._halted.wait(_LOOK_AGAIN_S)  # looks again because a thread may end anywhere

    def wait(self, timeout: float | None = None) -> bool:
        """Called by the thread whenever it comes by: halt here until ``set``."""
        with self._halted:
            self._at_gate = True
            self._halted.notify_all()
            passed = self._halted.wait_for(self.is_set, timeout)
            self._at_gate = False
            return passed


def _put_up(event: Event) -> None:
    event.assoc._reactor_checkpoint = ReactorGate(event.assoc)  # noqa: SLF001 - there is no other way in


HANDLER = (evt.EVT_CONN_OPEN, _put_up)
"""Gives an association its gate, before its thread passes there for the first time."""
