"""Judges every message before Celery reads it: what Celery cannot read it would print, body and headers."""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer

from core import messages
from core.messages import Misfit

log = logging.getLogger("perfuscope.messages")


class Consumer(consumer.Consumer):  # type: ignore[misc] # Celery has no types
    """Celery's consumer, which takes only what fits the schema and drops the rest with a line that shows none of it."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def judge(message: Any) -> None:
            try:
                messages.check(message)
            except Misfit:
                self._drop(message)
            else:
                handle(message)

        return judge

    def _drop(self, message: Any) -> None:
        log.warning("a message that does not fit was dropped")
        try:
            message.reject()
        except self.connection_errors:
            log.warning("the broker is away: it may bring a message again that was dropped")
