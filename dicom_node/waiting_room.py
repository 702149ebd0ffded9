"""Connections that are no associations: they hold no association's place, and a flood of them ends the oldest."""

import socket
import threading
from contextlib import suppress


class WaitingRoom:
    """Holds connections from accept until their association is accepted, ``seats`` of them at most."""

    def __init__(self, *, seats: int) -> None:
        self._seats = seats
        self._lock = threading.Lock()
        self._waiting: dict[socket.socket, None] = {}

    def enter(self, sock: socket.socket) -> None:
        """Take a seat; where none is free, whoever has waited longest is hung up on."""
        with self._lock:
            self._waiting[sock] = None
            turned_out = next(iter(self._waiting)) if len(self._waiting) > self._seats else None
            if turned_out is not None:
                del self._waiting[turned_out]
        if turned_out is not None:
            _hang_up(turned_out)

    def leave(self, sock: socket.socket) -> None:
        """Give the seat up; nothing if there is none."""
        with self._lock:
            self._waiting.pop(sock, None)

    def clear(self) -> None:
        """Hang up on everybody."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for sock in waiting:
            _hang_up(sock)


def _hang_up(sock: socket.socket) -> None:
    """Its own thread notices, and closes it."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
