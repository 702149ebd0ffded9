"""Rings the workers' bells by task name. A bell that is not heard is rung again by the reconciler."""

import logging
import queue
import threading
from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from core import broker, messages
from core.jobs import Bell
from core.settings import Settings

log = logging.getLogger("perfuscope.queue")


class Bellringer:
    """Sends bells from a thread of its own, so that a slow or dead broker never holds up a C-STORE."""

    def __init__(self, settings: Settings) -> None:
        self._app = Celery("perfuscope-node", set_as_current=False)
        self._app.conf.update(broker.options(settings))
        self._bells: queue.SimpleQueue[Bell | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bellringer", daemon=True)
        self._thread.start()

    def ring(self, bells: Iterable[Bell]) -> None:
        """Queue the bells for ringing and return at once."""
        for bell in bells:
            self._bells.put(bell)

    def close(self) -> None:
        """Ring what is queued, then stop."""
        self._bells.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (bell := self._bells.get()) is not None:
            try:
                ring(self._app, bell)
            except Exception:  # the thread must outlive any bell
                log.exception("bell not rung: job %s", bell.job_id)


def ring(app: Any, bell: Bell) -> None:
    """Send one bell straight to its queue; a broker that cannot be reached costs a log line."""
    try:
        app.send_task(**messages.sent(bell))
    except (OperationalError, OSError):
        log.warning("bell not rung, the broker is away: job %s", bell.job_id)
