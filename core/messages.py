"""What a message may hold: the name of our task, the id of one job, and the queue's own bookkeeping of ids and numbers.

Made and judged here, so that sender and worker cannot differ. A message is a doorbell: one that does not fit is
dropped, and the job it should have rung for is rung for again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from core.errors import PerfuscopeError
from core.jobs import TASK_NAME, Bell, Queue

TASKS = frozenset(f"{TASK_NAME}.{queue.value}" for queue in Queue)
"""The tasks there are."""

ORIGIN = "perfuscope"
"""Stands where Celery would write process and host."""

_JSON = "application/json"
_WORDS = TASKS | {queue.value for queue in Queue} | {"", "py", "base64", ORIGIN}
_KEY = re.compile(r"[a-z][a-z_]{1,24}")
_LONGEST_BODY = 1024
_DEEPEST = 4


class Misfit(PerfuscopeError):  # noqa: N818 - named for what it is
    """A message that does not fit; shows nothing of it."""

    def __init__(self) -> None:
        super().__init__("a message that does not fit the schema")


def sent(bell: Bell) -> dict[str, Any]:
    """How Celery's ``send_task`` is called for a bell. Raises Misfit for one that does not ring for a job of ours."""
    if not isinstance(bell.job_id, UUID) or bell.task not in TASKS:
        raise Misfit
    return {
        "name": bell.task,
        "args": [str(bell.job_id)],
        "queue": bell.queue.value,
        "retry": False,
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": ORIGIN,
    }


def job_of(args: Sequence[object], kwargs: Mapping[str, object]) -> UUID:
    """The job that a task is called for. Raises Misfit unless its one argument is a UUID as ``str`` writes it."""
    if len(args) != 1 or kwargs:
        raise Misfit
    return _uuid(args[0])


class Taken(Protocol):
    """A message as kombu hands it over."""

    content_type: str
    headers: Any
    properties: Any
    body: Any


def check(message: Taken) -> None:
    """Raise Misfit unless a message (Celery's protocol 2) is one that ``sent`` makes.

    The value of a header or property is an id, a small number, a word of ours, or empty. One that a later release of
    Celery adds passes as well, as long as it can name nobody.
    """
    headers = message.headers
    if message.content_type != _JSON or not isinstance(headers, Mapping):
        raise Misfit
    if not _tells_nothing([headers, message.properties]):
        raise Misfit
    if headers.get("task") not in TASKS or not _is_uuid(headers.get("id")):
        raise Misfit
    args, kwargs, embedded = _parts(message.body)
    if any(embedded.values()):  # callbacks and chains would have a worker send what somebody else wrote
        raise Misfit
    job_of(args, kwargs)


def _parts(body: object) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    if not isinstance(body, bytes | str) or len(body) > _LONGEST_BODY:
        raise Misfit
    try:
        parts = json.loads(body)
    except (ValueError, RecursionError):
        raise Misfit from None
    if not isinstance(parts, list) or [type(part) for part in parts] != [list, dict, dict]:
        raise Misfit
    return parts[0], parts[1], parts[2]


def _tells_nothing(value: object, depth: int = 0) -> bool:
    """Whether a value is an id, a small number, a word of ours, empty, or made of such."""
    if isinstance(value, Mapping):
        return all(map(_is_key, value)) and _tells_nothing(list(value.values()), depth)
    if isinstance(value, list | tuple):
        return depth < _DEEPEST and all(_tells_nothing(item, depth + 1) for item in value)
    return value is None or _is_small(value) or value in _WORDS or _is_uuid(value)


def _is_key(key: object) -> bool:
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def _is_small(value: object) -> bool:
    """A count or a number of seconds; an identifier may be a long number."""
    return isinstance(value, int | float) and abs(value) < 100_000


def _is_uuid(value: object) -> bool:
    try:
        _uuid(value)
    except Misfit:
        return False
    return True


def _uuid(value: object) -> UUID:
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != value:  # UUID takes braces, prefixes and capitals as well
        raise Misfit
    return found
