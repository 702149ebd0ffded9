"""Sets aside files that a crash left between a rename and its commit: no row names them, nobody would purge them.

They are moved, not removed: behind a database that was restored from a backup, they may be all there is of a study.
"""

import logging
import threading
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db import studies
from db.session import Sessions
from dicom_node.inbox import Inbox

log = logging.getLogger("perfuscope.sweep")

_SETTLED = timedelta(minutes=15)
"""A younger file may have its row still to come: an edge worker writes a report's file some time before its row."""

_CHUNK = 500


def sweep(sessions: Sessions, inbox: Inbox, *, older_than: timedelta = _SETTLED) -> int:
    """Set aside every stored file that is older and that no row names; how many there were."""
    swept = 0
    for day in inbox.days():
        files = inbox.files(day, older_than=older_than)
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            with sessions.read() as session:
                known = studies.known_paths(session, chunk)
            for relative in chunk:
                if relative not in known:
                    inbox.set_aside(relative)
                    swept += 1
    if swept:
        log.warning("%d files without a row set aside in the store's folder 'unclaimed'", swept)
    return swept


class Sweeper:
    """A thread of the node that sweeps now and then."""

    def __init__(self, sessions: Sessions, inbox: Inbox, *, every: timedelta = _SETTLED) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep comes when files of an earlier life are old enough."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the sweep at hand."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(self._every.total_seconds()):
            try:
                sweep(self._sessions, self._inbox)
            except (DBAPIError, PoolTimeout, OSError) as error:
                log.warning("not swept (%s); trying again later", type(error).__name__)
