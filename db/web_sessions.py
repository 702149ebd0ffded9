"""Logins: opened, found by their token, kept while their user is there. Nothing here commits."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from db.access_tables import User, WebSession

TOUCH_EVERY = timedelta(minutes=1)
"""How exactly it is known when a user was last there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a login is good: while its user is away, and at most."""

    idle: timedelta
    whole: timedelta


def new_token() -> str:
    """256 bits that nobody guesses."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. It has no need of salt or of a slow hash: it is random."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def open_for(session: Session, user: User, *, now: datetime, limits: Limits) -> str:
    """A new login's token; logins that are over are removed on the way."""
    dead = or_(WebSession.seen_at < now - limits.idle, WebSession.opened_at < now - limits.whole)
    session.execute(delete(WebSession).where(dead))
    token = new_token()
    session.add(WebSession(id=uuid4(), user_id=user.id, token_sha256=digest(token), opened_at=now, seen_at=now))
    user.last_login_at = now
    return token


def find(session: Session, token: str, *, now: datetime, limits: Limits) -> tuple[WebSession, User] | None:
    """The login that the token opens, with its user; None where it is over or its user was disabled."""
    statement = (
        select(WebSession, User)
        .join(User, User.id == WebSession.user_id)
        .where(
            WebSession.token_sha256 == digest(token),
            WebSession.seen_at >= now - limits.idle,
            WebSession.opened_at >= now - limits.whole,
            User.disabled_at.is_(None),
        )
    )
    found = session.execute(statement).one_or_none()
    return None if found is None else (found[0], found[1])


def touch(session: Session, session_id: UUID, *, now: datetime) -> None:
    """Its user is there."""
    session.execute(update(WebSession).where(WebSession.id == session_id).values(seen_at=now))


def end(session: Session, session_id: UUID) -> None:
    """The login is over."""
    session.execute(delete(WebSession).where(WebSession.id == session_id))


def end_token(session: Session, token: str) -> None:
    """The login that the token opens is over, if there is one."""
    session.execute(delete(WebSession).where(WebSession.token_sha256 == digest(token)))


def end_others(session: Session, user_id: UUID, *, but: UUID | None) -> int:
    """Every login of the user's is over but that one; how many were ended."""
    others = delete(WebSession).where(WebSession.user_id == user_id, WebSession.id != but)
    return len(session.scalars(others.returning(WebSession.id)).all())


def of_user(session: Session, user_id: UUID) -> list[WebSession]:
    """A user's logins, the newest first."""
    statement = select(WebSession).where(WebSession.user_id == user_id).order_by(WebSession.opened_at.desc())
    return list(session.scalars(statement))
