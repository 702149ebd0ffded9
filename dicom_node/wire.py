"""A peer's connection: read in large pieces, each PDU within a deadline, and never more of it than was agreed on."""

import select
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

_BUFFER_BYTES = 256 * 1024
_HEADER_BYTES = 6
_A_ASSOCIATE_RQ = 0x01
_A_ABORT = bytes([0x07, 0, 0, 0, 0, 4, 0, 0, 2, 2])
"""PS3.8 9.3.8: by the service provider, unexpected PDU."""
_PATIENCE_S = 0.2
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class NoRequest(Exception):  # noqa: N818 - named for what it is
    """What came first on a connection was no A-ASSOCIATE-RQ, or not in time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a whole PDU may take, and how many bytes it may announce."""

    pdu_s: float
    pdu_bytes: int


def read_request(sock: socket.socket, *, limits: Limits) -> bytes:
    """The whole A-ASSOCIATE-RQ (PS3.8 9.3.2) that a connection opens with, read within ``limits.pdu_s``.

    Raises NoRequest, and hangs up with an A-ABORT if anything else came.
    """
    deadline = time.monotonic() + limits.pdu_s
    header = _read(sock, _HEADER_BYTES, deadline)
    if header[0] != _A_ASSOCIATE_RQ:
        with suppress(OSError):
            sock.sendall(_A_ABORT)
        raise NoRequest
    length = int.from_bytes(header[2:], "big")
    if length > limits.pdu_bytes:
        raise NoRequest
    return header + _read(sock, length, deadline)


def _read(sock: socket.socket, count: int, deadline: float) -> bytes:
    data = b""
    try:
        while len(data) < count:
            sock.settimeout(_left(deadline))
            part = sock.recv(count - len(data))
            if not part:
                raise NoRequest
            data += part
    except OSError:
        raise NoRequest from None
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Wire(AssociationSocket):
    """An association's socket that reads ahead. What comes by ``wake`` ends the wait for the peer."""

    def __init__(
        self, assoc: Association, sock: socket.socket, *, ahead: bytes, limits: Limits, wake: socket.socket
    ) -> None:
        super().__init__(assoc, client_socket=sock)
        self._limits = limits
        self._wake = wake
        self._buffer = memoryview(bytearray(max(_BUFFER_BYTES, len(ahead))))
        self._buffer[: len(ahead)] = ahead
        self._start, self._end = 0, len(ahead)
        self._deadline = 0.0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a response waits for nobody's acknowledgement

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits a moment for it, or until ``wake`` is written to."""
        sock = self.socket
        if sock is None or not self._is_connected:
            return False
        if self._start < self._end or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            return True
        try:
            return self._wait(sock)
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def _wait(self, sock: socket.socket) -> bool:
        poll = select.poll()  # select.select knows no descriptor above 1023
        poll.register(sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        heard = {descriptor for descriptor, _ in poll.poll(_PATIENCE_S * 1000)}
        if self._wake.fileno() in heard:
            self._wake.recv(4096)
        return sock.fileno() in heard

    @property
    def longest_pdu(self) -> int:
        """The most bytes that a PDU may announce."""
        return self._limits.pdu_bytes

    def begin_pdu(self) -> None:
        """Give the peer time for the next PDU from now on."""
        self._deadline = time.monotonic() + self._limits.pdu_s

    def peek(self, count: int) -> memoryview:
        """The next bytes, left where they are; fewer if the peer sends no more. OSError if it takes too long."""
        while self._end - self._start < count and self._fill():
            pass
        return self._buffer[self._start : min(self._start + count, self._end)]

    def take(self, most: int) -> memoryview:
        """Some of the next bytes, valid until the next call; none if the peer sends no more. OSError as ``peek``."""
        if self._start == self._end:
            self._fill()
        taken = self._buffer[self._start : min(self._start + most, self._end)]
        self._start += len(taken)
        return taken

    def recv(self, nr_bytes: int) -> bytearray:
        """So many bytes; fewer if the peer sends no more. OSError if it takes too long, or is more than agreed."""
        if nr_bytes > self._limits.pdu_bytes:
            raise OSError("a PDU longer than agreed")
        data = bytearray()
        while len(data) < nr_bytes:
            part = self.take(nr_bytes - len(data))
            if not part:
                break
            data += part
        return data

    def _fill(self) -> bool:
        """Read what the peer sent, at least a byte; whether it sent any."""
        sock = self.socket
        if sock is None:
            return False
        if self._start:
            rest = bytes(self._buffer[self._start : self._end])  # a few bytes of a header, if any
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        sock.settimeout(_left(self._deadline))
        if _QUICKACK is not None:  # else a sender that waits for acknowledgements (Nagle) loses 40 ms an object
            sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        count = sock.recv_into(self._buffer[self._end :])
        self._end += count
        return count > 0
