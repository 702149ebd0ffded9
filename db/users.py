"""Users: who may log in, as what. Every change is written down with it. Nothing here commits."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core import passwords
from core.errors import PerfuscopeError
from core.roles import Role
from core.types import AuditAction
from db import audit
from db.access_tables import NAME_LENGTH, LoginAttempt, User, WebSession
from db.session import insert_into

_NAME = re.compile(rf"[a-z][a-z0-9._-]{{1,{NAME_LENGTH - 1}}}")


@dataclass(frozen=True, slots=True)
class Hand:
    """Who changes a user, and when."""

    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that a user may have. Make it with no transaction open: to hash it takes long, and nobody waits."""

    name: str
    """Whose it may be."""
    kept: str = field(repr=False)
    """Its hash."""

    @classmethod
    def of(cls, text: str, *, name: str) -> Self:
        """From what was typed or made up. PerfuscopeError for a weak one, or a name that is not allowed."""
        name = name.strip().lower()
        if not _NAME.fullmatch(name):
            allowed = f"2 to {NAME_LENGTH} of a-z, 0-9, '.', '_' and '-', a letter first"
            msg = f"the user name {name!r} is not allowed: {allowed}"
            raise PerfuscopeError(msg)
        wrong = passwords.weakness(text, name=name)
        if wrong is not None:
            raise PerfuscopeError(wrong)
        return cls(name, passwords.hashed(text))


def named(session: Session, name: str) -> User:
    """The user of that name, in any case of letters; PerfuscopeError with those there are."""
    found = find(session, name)
    if found is None:
        known = ", ".join(session.scalars(select(User.name).order_by(User.name)))
        msg = f"there is no user {name!r}; " + (f"known are: {known}" if known else "add one: perfuscope user add NAME")
        raise PerfuscopeError(msg)
    return found


def find(session: Session, name: str) -> User | None:
    """The user of that name, in any case of letters."""
    return session.scalar(select(User).where(User.name == name.strip().lower()))


def listed(session: Session) -> list[User]:
    """All users by name, those who were disabled too."""
    return list(session.scalars(select(User).order_by(User.name)))


def anybody(session: Session) -> bool:
    """Whether there is somebody who may log in."""
    return session.scalar(select(User.id).where(User.disabled_at.is_(None)).limit(1)) is not None


def add(session: Session, role: Role, password: NewPassword, *, must_change: bool, by: Hand) -> User:
    """A new user of the password's name. PerfuscopeError where that is taken."""
    row = {
        "id": uuid4(),
        "name": password.name,
        "role": role,
        "password": password.kept,
        "must_change": must_change,
        "created_at": by.now,
        "password_set_at": by.now,
    }
    new = insert_into(session, User).values(row).on_conflict_do_nothing(index_elements=["name"])
    added = session.scalar(new.returning(User.id))
    if added is None:
        msg = f"there is a user {password.name!r} already; a name is never given twice"
        raise PerfuscopeError(msg)
    made = session.get_one(User, added)
    _record(session, made, f"added role={role.value}", by)
    return made


def set_role(session: Session, user: User, role: Role, *, by: Hand) -> None:
    """Another role; logins of the old one end. PerfuscopeError where no administrator would be left."""
    if user.role is role:
        return
    if user.role is Role.ADMIN:
        _refuse_last(session, user)
    user.role = role
    end_sessions(session, user.id)
    _record(session, user, f"role={role.value}", by)


def disable(session: Session, user: User, *, by: Hand) -> None:
    """Let them in no longer, nor their programs. PerfuscopeError where no administrator would be left."""
    if user.disabled_at is not None:
        return
    if user.role is Role.ADMIN:
        _refuse_last(session, user)
    user.disabled_at = by.now
    end_sessions(session, user.id)
    _record(session, user, "disabled", by)


def enable(session: Session, user: User, *, by: Hand) -> None:
    """Let them in again."""
    if user.disabled_at is None:
        return
    user.disabled_at = None
    _record(session, user, "enabled", by)


def set_password(session: Session, user: User, password: NewPassword, *, must_change: bool, by: Hand) -> None:
    """Another password; every login with the old one ends, and a lock does too. ValueError for somebody else's."""
    if password.name != user.name:
        raise ValueError("the password was judged for another user")
    user.password = password.kept
    user.password_set_at = by.now
    user.must_change = must_change
    end_sessions(session, user.id)
    _forget_failures(session, user)
    _record(session, user, "password", by)


def unlock(session: Session, user: User, *, by: Hand) -> None:
    """Let them try again at once, after too many wrong passwords."""
    _forget_failures(session, user)
    _record(session, user, "unlocked", by)


def end_sessions(session: Session, user_id: UUID) -> None:
    """Every login of the user's ends."""
    session.execute(delete(WebSession).where(WebSession.user_id == user_id))


def _forget_failures(session: Session, user: User) -> None:
    session.execute(delete(LoginAttempt).where(LoginAttempt.name_key == user.id.hex))


def _refuse_last(session: Session, user: User) -> None:
    """All of them are locked, so that two who take each other away at once do not both come through."""
    admins = select(User.id).where(User.role == Role.ADMIN, User.disabled_at.is_(None)).order_by(User.id)
    if user.disabled_at is None and not set(session.scalars(admins.with_for_update())) - {user.id}:
        msg = f"{user.name} is the last administrator who may log in; make another one first"
        raise PerfuscopeError(msg)


def _record(session: Session, user: User, what: str, by: Hand) -> None:
    detail = f"{user.name} {what}"
    audit.record(session, AuditAction.USER, actor=by.actor, now=by.now, subject=user.id, detail=detail)
