"""What the sender of bells and their listeners must agree on: the broker's options and its file-system transport.

Messages are doorbells: losing one costs seconds, never work. kombu's file-system transport writes a message under its
final name and reads it without the writer's lock, so that a reader may meet an empty file; here a message is renamed
into place and taken by a rename.
"""

import logging
import os
import uuid
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path
from queue import Empty
from time import time, time_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

from core.settings import Settings

log = logging.getLogger("perfuscope.broker")

_POLL_S = 0.05
_LEFTOVER_S = 3600
_VISIBILITY_TIMEOUT_S = 300
TIME_LIMIT_S = 240
SOFT_TIME_LIMIT_S = 180


class Message(virtual.Message):  # type: ignore[misc]
    """A message that any JSON can be: what has no sound envelope becomes an empty one, for its taker to drop.

    kombu's raises, in the loop that would take the next message.
    """

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        try:
            super().__init__(_sound(payload), channel=channel, **kwargs)
        except (AttributeError, KeyError, TypeError, ValueError):
            super().__init__({"properties": {"delivery_tag": str(uuid.uuid4())}}, channel=channel, **kwargs)


def _sound(payload: Any) -> Any:
    """The payload, if what kombu keeps its books by has the right types; ValueError if not."""
    properties = payload["properties"]
    if not isinstance(properties["delivery_tag"], str) or not isinstance(properties["delivery_info"], dict):
        raise ValueError("no envelope")  # noqa: TRY004 - of another's making, not a caller's mistake
    return payload


class Channel(filesystem.Channel):  # type: ignore[misc]
    """kombu's channel without its races: every message goes straight to its queue, exchanges have no files.

    It remembers the names it has listed, so that a backlog is not listed anew for each of its messages.
    """

    Message = Message

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._names: dict[str, deque[str]] = defaultdict(deque)

    def _queue_bind(self, *_args: object) -> None:
        """Bindings need no file: nothing is routed through an exchange."""

    def get_table(self, _exchange: str) -> list[Any]:
        """No bindings are kept."""
        return []

    def _put(self, queue: str, payload: Any, **_options: object) -> None:
        folder = Path(self.data_folder_out)
        growing = folder / f".{uuid.uuid4()}"
        growing.write_bytes(str_to_bytes(dumps(payload)))
        growing.rename(folder / f"{time_ns():020d}_{uuid.uuid4()}.{queue}.msg")

    def _get(self, queue: str) -> Any:
        folder = Path(self.data_folder_in)
        names = self._names[queue]
        if not names:
            names.extend(sorted(n for n in os.listdir(folder) if n.endswith(f".{queue}.msg")))  # noqa: PTH208 - names only
        while names:
            payload = _take(folder / names.popleft())
            if payload is not None:
                return payload
        raise Empty


def _take(message: Path) -> Any:
    """The message's payload, now ours alone; None where another was quicker, or where it is no message."""
    taken = message.with_name(f".{uuid.uuid4()}")
    try:
        message.rename(taken)
    except FileNotFoundError:
        return None
    text = taken.read_bytes()
    taken.unlink()
    try:
        return loads(bytes_to_str(text))
    except ValueError:
        log.warning("a file that is no message was dropped")
        return None


class Transport(filesystem.Transport):  # type: ignore[misc]
    """The file-system transport on the channel above, for Celery's event loop.

    Without the loop a worker's processes share one pipe and its lock: one that is killed while it waits for work keeps
    the lock, and its queue stands still for ever. With it each has a pipe of its own.
    """

    Channel = Channel
    implements = filesystem.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Look for messages at the start of every turn of the loop: after each result, else when the timer is due."""

        def turn() -> None:
            self._look(connection)
            loop.call_soon(turn)

        loop.call_soon(turn)
        loop.call_repeatedly(_POLL_S, _wake)

    def _look(self, connection: Any) -> None:
        with suppress(TimeoutError):  # said when there is nothing more, or no process is free
            while True:
                self.drain_events(connection, timeout=0)


def _wake() -> None:
    """The loop turns when a timer is due; nothing else is to be done."""


def options(settings: Settings) -> dict[str, Any]:
    """Celery's configuration for senders and workers alike; makes the message folder where files are the broker."""
    TRANSPORT_ALIASES["filesystem"] = "core.broker:Transport"
    url = settings.broker_url or "filesystem://localhost"
    return {
        "broker_url": url,
        "broker_transport_options": _transport(settings, url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker waits for its broker as long as it takes
        "broker_connection_timeout": 2,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_create_missing_queues": True,
        "task_time_limit": TIME_LIMIT_S,
        "task_soft_time_limit": SOFT_TIME_LIMIT_S,
        "worker_prefetch_multiplier": 1,
        "worker_lost_wait": 1,  # a queue of one process stands still for as long after a child's death
        "worker_proc_alive_timeout": 60,  # a child loads the model before it reports for work
        "worker_enable_prefetch_count_reduction": False,  # as many at once after a lost connection as before
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_soft_shutdown_timeout": 10,
        "enable_utc": True,
    }


def _transport(settings: Settings, url: str) -> dict[str, Any]:
    if url.startswith("filesystem:"):
        folder = settings.home / "broker"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _clear(folder)
        return {
            "data_folder_in": str(folder),
            "data_folder_out": str(folder),
            "control_folder": str(folder),
            "polling_interval": _POLL_S,
        }
    return {
        "visibility_timeout": _VISIBILITY_TIMEOUT_S,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 5,
    }


def _clear(folder: Path) -> None:
    """Remove what processes that died had half written or half read."""
    long_ago = time() - _LEFTOVER_S
    for path in folder.glob(".*"):
        with suppress(FileNotFoundError):  # another process clears, too
            if path.stat().st_mtime < long_ago:
                path.unlink()
