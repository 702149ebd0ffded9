"""A process's start and stop in the audit trail (PS3.15 A.5.3.1)."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.types import AuditAction

if TYPE_CHECKING:
    from db.session import Sessions

_log = logging.getLogger("perfuscope.lifetime")


@contextmanager
def recorded(sessions: "Sessions", actor: str) -> Iterator[None]:
    """Write down that a process of ours began, and that it ended; one that is killed leaves no stop.

    The start must be written, or the process does not begin. A stop without a database costs a log line.
    """
    _write(sessions, actor, AuditAction.START)
    try:
        yield
    finally:
        _write_stop(sessions, actor)


def _write_stop(sessions: "Sessions", actor: str) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _write(sessions, actor, AuditAction.STOP)
    except SQLAlchemyError:
        _log.warning("the stop of %s is not in the audit trail: the database is away", actor)


def _write(sessions: "Sessions", actor: str, action: AuditAction) -> None:
    from db import audit

    with sessions.write() as session:
        audit.record(session, action, actor=actor, now=sessions.now(session), detail=f"pid={os.getpid()}")
