"""Connections on which nothing comes are closed: a few hundred of them would keep everybody else out."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK_S = 15.0
_LONGEST_BODY = 5
"""So many looks in a row may find the same body still coming: slow lines send large files, too."""


class Patience(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, for whoever says what they want in a quarter of a minute or two.

    A request whose header is not there after two looks is not waited for, nor a body that takes longer than a minute.
    Answers may take as long as they like.
    """

    _waited: tuple[object, object, int] = (h11.IDLE, None, 0)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to look."""
        super().connection_made(transport)
        self.loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        state, cycle, looks = self._waited
        same = self.conn.their_state is state and self.cycle is cycle
        looks = looks + 1 if same else 0
        if (state is h11.IDLE and looks) or (state is h11.SEND_BODY and looks >= _LONGEST_BODY):
            self.transport.close()
            return
        self._waited = (self.conn.their_state, self.cycle, looks)
        self.loop.call_later(LOOK_S, self._look)
