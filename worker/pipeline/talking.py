"""Talking to a destination: one job at a time, its failures noted for those that wait for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from core.errors import Postponed, Unavailable
from core.settings import Peer, Settings
from db import destinations
from db.jobs import Claimed
from db.session import Sessions
from dicom_node.scu import Address
from dicom_node.scu_association import Line
from dicom_node.scu_outcome import AWAY


@dataclass(frozen=True, slots=True)
class Turns:
    """Where jobs for a destination take their turn."""

    sessions: Sessions
    settings: Settings

    @contextmanager
    def turn(self, claimed: Claimed) -> Iterator[tuple[Peer, Line]]:
        """The destination's settings and the line to it, once it is the job's turn.

        Raises Postponed while it is down or busy, Unavailable where no peer has that name any more. An Unavailable
        from within that speaks of the whole peer closes it for a while; any other end opens it again.
        """
        peer = self.settings.peer_named(claimed.destination)
        if peer is None:
            raise Unavailable("peer_not_configured")
        self._enter(claimed)
        away = False
        try:
            yield peer, self._line(peer)
        except Unavailable as error:
            away = error.code in AWAY
            raise
        finally:
            self._note(peer.name, away=away)

    def _note(self, name: str, *, away: bool) -> None:
        with self.sessions.read() as session:
            down = destinations.is_down(session, name)
        if not (away or down):
            return
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            if away:
                destinations.failed(session, name, now=now)
            else:
                destinations.answered(session, name, now=now, away=AWAY)

    def _enter(self, claimed: Claimed) -> None:
        deadline = time.monotonic() + 2 * destinations.LONGEST_TURN.total_seconds()
        while True:
            with self.sessions.write() as session:
                wait = destinations.enter(session, claimed, now=self.sessions.now(session))
            if wait is None:
                return
            if wait > destinations.POLL or time.monotonic() > deadline:
                raise Postponed(destinations.WAITS, max(wait, timedelta(seconds=0.2)))
            time.sleep(wait.total_seconds())

    def _line(self, peer: Peer) -> Line:
        address = Address(peer.ae_title, peer.host, peer.port)
        return Line(address, self.settings.ae_title, self.settings.report.timeout_s)
