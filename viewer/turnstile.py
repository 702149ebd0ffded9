"""One password at a time: checked, counted, and after too many wrong ones not even looked at."""

import hashlib
import hmac
import secrets
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from sqlalchemy.orm import Session

from core import passwords
from core.types import AuditAction
from db import audit, login_attempts, users
from db.access_tables import User
from db.session import Sessions

_LINE, _PATIENCE_S = 8, 5
"""So many stand in line, and so long: else those who wait could hold every thread that answers."""
NOBODY = "web"
"""What the audit trail calls whoever could not say who they are."""


class Wrong(Enum):
    """Why somebody is not let in, where no time is named."""

    PASSWORD = auto()
    """The name or the password; which one is not told."""
    BUSY = auto()
    """Too many try at once."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many were wrong: nothing is looked at until then."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody's password was right."""

    user_id: UUID
    password: str = field(repr=False)
    """The hash that it was checked by."""

    def still(self, session: Session) -> User | None:
        """The user, held until the transaction ends; None if the password changed or they were disabled meanwhile."""
        user = session.get_one(User, self.user_id, with_for_update=True)
        return user if user.password == self.password and user.disabled_at is None else None


class Turnstile:
    """Checks passwords, one after the other: a hash takes 64 MiB, and nobody counts past another's try."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._turn, self._places = threading.Lock(), threading.BoundedSemaphore(_LINE)
        self._key = secrets.token_bytes(32)

    def check(self, name: str, password: str, address: str) -> Passed | Wrong | Wait:
        """Who it is if the password is theirs. Unknown, disabled and known names get the same answers.

        Whoever acts on it does so in a later transaction, and asks there whether it is ``still`` so.
        """
        with ExitStack() as line:
            if not self._places.acquire(blocking=False):
                return Wrong.BUSY
            line.callback(self._places.release)
            if not self._turn.acquire(timeout=_PATIENCE_S):
                return Wrong.BUSY
            line.callback(self._turn.release)
            return self._check(name, password, address)

    def _check(self, name: str, password: str, address: str) -> Passed | Wrong | Wait:
        with self._sessions.read() as session:
            user = users.find(session, name)
            key = user.id.hex if user is not None else self._unknown(name)
            wait = _wait(session, key, address, now=self._sessions.now(session))
        if wait is not None:
            return wait
        may = user is not None and user.disabled_at is None
        good = passwords.matches(user.password if user is not None and may else None, password)
        return self._passed(user, password) if user is not None and good else self._failed(user, key, address)

    def _passed(self, user: User, password: str) -> Passed:
        passed = Passed(user.id, user.password)
        anew = passwords.hashed(password) if passwords.outdated(user.password) else None  # while nobody waits for it
        with self._sessions.write() as session:
            login_attempts.forget(session, user.id.hex)
            if anew is not None and (kept := passed.still(session)) is not None:
                kept.password = anew
                passed = Passed(user.id, kept.password)
        return passed

    def _failed(self, user: User | None, key: str, address: str) -> Wrong | Wait:
        with self._sessions.write() as session:
            now = self._sessions.now(session)
            login_attempts.failed(session, key, address, now=now)
            session.flush()
            wait = _wait(session, key, address, now=now)
            why = "unknown_name" if user is None else "disabled" if user.disabled_at else "wrong_password"
            detail = f"login {why} address={address}" + (" locked" if wait else "")
            subject = user.id if user is not None else None
            audit.record(session, AuditAction.REFUSE, actor=NOBODY, now=now, subject=subject, detail=detail)
        return wait or Wrong.PASSWORD

    def _unknown(self, name: str) -> str:
        """Counts tries of a name that nobody has, without keeping it: it may have been a password."""
        return hmac.new(self._key, name.strip().lower().encode(errors="replace"), hashlib.sha256).hexdigest()[:32]


def _wait(session: Session, key: str, address: str, *, now: datetime) -> Wait | None:
    until = login_attempts.locked_until(session, key, address, now=now)
    return None if until is None else Wait(max(1, round((until - now).total_seconds())))
