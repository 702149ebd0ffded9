"""The listening socket: a thread a connection, and a limit that only associations count for."""

import socket
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

Attend = Callable[[socket.socket, Callable[[], Association]], None]
"""Sees a connection through; its second argument makes an association of it."""


class Server(ThreadedAssociationServer):
    """Hands each connection to ``attend`` in a thread of its own, and closes it afterwards."""

    request_queue_size = 128
    daemon_threads = True  # else ``shutdown`` would wait for associations that only ``Listener.close`` aborts

    def __init__(self, *args: Any, attend: Attend, **kwargs: Any) -> None:
        self.attend = attend
        super().__init__(*args, **kwargs)
        self.RequestHandlerClass = _Handler

    def shutdown(self) -> None:
        """Stop taking connections and free the port."""
        BaseServer.shutdown(self)
        self.server_close()

    def service_actions(self) -> None:
        """Nothing: pynetdicom would have all garbage collected here while everybody waits."""


class _Handler(RequestHandler):
    """Runs an association in a thread that outlives it: pynetdicom has no event that every end of one raises."""

    server: Server

    def handle(self) -> None:
        try:
            self.server.attend(self.request, self._create_association)
        finally:
            self.request.close()  # pynetdicom leaves the socket of a peer that was gone first to the collector


class Entity(AE):
    """An application entity whose limit counts associations that stand or may yet."""

    @property
    def active_associations(self) -> list[Association]:
        """Without those that were turned away or have ended, and only wait for their peer to hang up."""
        return [a for a in super().active_associations if not (a.is_rejected or a.is_aborted or a.is_released)]
