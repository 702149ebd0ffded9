"""The upper layer of an association that receives: it waits instead of polling, and streams data sets to their files.

pynetdicom's own looks at its socket a thousand times a second, reads it 4 kB at a time, copies each PDU five times and
hands each request to another thread. The state machine, the negotiation and all commands stay pynetdicom's; only data
set fragments go straight from the socket to their file.
"""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import StateMachine
from pynetdicom.pdu_primitives import P_DATA

from dicom_node.growing import Growing
from dicom_node.incoming import StreamingProvider
from dicom_node.wire import Limits, Wire

_HEADERS = 12  # of a PDU and of the PDV in it
_P_DATA = 0x04
_COMMAND, _LAST = 0x01, 0x02
_ESTABLISHED = "Sta6"
_CLOSED = "Evt17"
_TOO_LATE = "Evt18"
_TIMED = ("Sta2", "Sta13")
"""The states in which the ARTIM timer runs (PS3.8 9.2.3)."""
_LONGEST_REST_S = 0.2


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A P-DATA-TF PDU that holds one piece of a data set and nothing else (PS3.8 9.3.5 and annex E)."""

    context_id: int
    length: int
    last: bool


class Machine(StateMachine):
    """The state machine; a timer that expired while what it waited for was in hand has nothing to say any more.

    Of pynetdicom's own the thread ends by that, and nobody answers the peer any more.
    """

    def do_action(self, event: str) -> None:
        """As PS3.8 table 9-10 says."""
        if event != _TOO_LATE or self.current_state in _TIMED:
            super().do_action(event)


class UpperLayer(DULServiceProvider):
    """The provider of one accepted association; takes its place there when made, before the association starts."""

    def __init__(self, assoc: Association, sock: socket.socket, *, ahead: bytes, limits: Limits) -> None:
        super().__init__(assoc)
        self.state_machine: Machine = Machine(self)
        self._run_loop_delay = 0  # it is ``Wire.ready`` that waits
        self._idle_timer.timeout, self.artim_timer.timeout = assoc.network_timeout, assoc.acse_timeout
        self._bell, self._ring = socket.socketpair()
        self._checkpoint = assoc._reactor_checkpoint = _Checkpoint(self)  # noqa: SLF001 - see the class
        assoc.dul = self
        self.socket: Wire = Wire(assoc, sock, ahead=ahead, limits=limits, wake=self._bell)

    def close(self) -> None:
        """Give up what only this association needed. Call it when its threads have ended."""
        self._bell.close()
        self._ring.close()

    def send_pdu(self, primitive: Any) -> None:
        """Have the primitive sent, at once."""
        super().send_pdu(primitive)
        self._wake()

    def stop_dul(self) -> bool:
        """Stop if the connection is closed; whether it is."""
        self._wake()
        if self.state_machine.current_state != "Sta1":
            return False
        self.kill_dul()
        self.join()
        return True

    def idle_timer_expired(self) -> bool:
        """Whether the peer has been silent for too long; it is not while it waits for us."""
        return not self._dimse.serving and super().idle_timer_expired()

    def has_news(self) -> bool:
        """Whether there is something for the association's own thread to do."""
        return not (self.to_user_queue.empty() and self._dimse.msg_queue.empty()) or self._kill_thread

    @property
    def _dimse(self) -> StreamingProvider:
        provider = self.assoc.dimse
        if not isinstance(provider, StreamingProvider):
            raise TypeError("an association without our provider")
        return provider

    def _wake(self) -> None:
        if threading.current_thread() is not self:
            with suppress(OSError):  # it has ended, or has been woken often enough
                self._ring.send(b"\0", socket.MSG_DONTWAIT)

    def _is_transport_event(self) -> bool:
        if self.has_news():
            self._checkpoint.ring()
        return super()._is_transport_event()

    def _read_pdu_data(self) -> None:
        """Take the next PDU, and while it brings a piece of a data set, the one after it."""
        while True:
            self.socket.begin_pdu()
            growing = self._dimse.growing
            fragment = self._fragment() if growing is not None else None
            if growing is None or fragment is None:
                super()._read_pdu_data()
                return
            if not self._stream(growing, fragment) or fragment.last or self._called_away():
                return
            self._idle_timer.restart()

    def _fragment(self) -> _Fragment | None:
        """What comes next on the wire, if it is a fragment; None leaves anything else to pynetdicom, errors too."""
        if self.state_machine.current_state != _ESTABLISHED:
            return None
        try:
            head = bytes(self.socket.peek(1))
            head = bytes(self.socket.peek(_HEADERS)) if head == bytes([_P_DATA]) else b""
        except OSError:
            return None
        if len(head) < _HEADERS:
            return None
        length, control = int.from_bytes(head[6:10], "big"), head[11]
        alone = int.from_bytes(head[2:6], "big") == length + 4
        if not alone or control & _COMMAND or not 2 <= length <= self.socket.longest_pdu:
            return None
        return _Fragment(head[10], length - 2, last=bool(control & _LAST))

    def _stream(self, growing: Growing, fragment: _Fragment) -> bool:
        """Copy the fragment into the file; False if the peer is gone before its end."""
        self.socket.take(_HEADERS)
        left = fragment.length
        while left:
            try:
                piece = self.socket.take(left)
            except OSError:
                piece = memoryview(b"")
            if not piece:
                self.event_queue.put(_CLOSED)
                return False
            left -= growing.write(piece)
        if fragment.last:
            self._dimse.receive_primitive(_the_end(fragment))
        return True

    def _called_away(self) -> bool:
        return self._kill_thread or not self.to_provider_queue.empty()


def _the_end(fragment: _Fragment) -> P_DATA:
    """An empty last fragment: by it pynetdicom completes the message."""
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[fragment.context_id, bytes([_LAST])]]  # type: ignore[list-item] # it takes lists
    return primitive


class _Checkpoint(threading.Event):
    """Where pynetdicom's association thread comes by a thousand times a second; here it rests until it is needed."""

    def __init__(self, layer: UpperLayer) -> None:
        self._bell = threading.Event()
        self._layer = layer
        super().__init__()
        self.set()

    def set(self) -> None:
        """Let the thread go on, and at once: it may be there to be ended."""
        super().set()
        self._bell.set()

    def ring(self) -> None:
        """End the rest."""
        self._bell.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Rest until there is news, for a moment at most; then as any event."""
        self._bell.clear()
        if not self._layer.has_news():
            self._bell.wait(_LONGEST_REST_S)
        return super().wait(timeout)
