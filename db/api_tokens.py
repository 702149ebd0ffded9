"""Programs' tokens: made once and shown once, found by their hash. Nothing here commits."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.roles import Scope
from core.types import AuditAction
from db import audit
from db.access_tables import LABEL_LENGTH, ApiToken, User
from db.session import insert_into
from db.users import Hand
from db.web_sessions import TOUCH_EVERY, digest

PREFIX = "pfs_"
"""By which a token is known for one where it should not lie."""
LONGEST_DAYS, USUAL_DAYS = 366, 90
_LABEL = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LABEL_LENGTH - 1}}}")


def add(session: Session, user: User, label: str, scopes: Iterable[Scope], *, days: int, by: Hand) -> str:
    """A new token for the user's program; it is told here and never again. PerfuscopeError for what is not allowed."""
    wanted = sorted(set(scopes))
    _refuse(user, label, wanted, days)
    token = PREFIX + secrets.token_urlsafe(32)
    row = {
        "id": uuid4(),
        "user_id": user.id,
        "label": label,
        "token_sha256": digest(token),
        "scopes": " ".join(wanted),
        "created_at": by.now,
        "expires_at": by.now + timedelta(days=days),
    }
    new = insert_into(session, ApiToken).values(row).on_conflict_do_nothing(index_elements=["user_id", "label"])
    added = session.scalar(new.returning(ApiToken.id))
    if added is None:
        msg = (
            f"{user.name} has had a token {label!r} already; call this one otherwise, so that the audit trail is clear"
        )
        raise PerfuscopeError(msg)
    made = session.get_one(ApiToken, added)
    _record(session, made, user, f"added days={days} {made.scopes}", by)
    return token


def _refuse(user: User, label: str, scopes: list[Scope], days: int) -> None:
    if user.disabled_at is not None:
        msg = f"{user.name} is disabled, and a program of theirs would be too"
        raise PerfuscopeError(msg)
    if not _LABEL.fullmatch(label):
        msg = f"the label {label!r} is not allowed: 1 to {LABEL_LENGTH} of a-z, 0-9, '.', '_' and '-'"
        raise PerfuscopeError(msg)
    if not scopes:
        msg = f"a token needs at least one scope of: {', '.join(Scope)}"
        raise PerfuscopeError(msg)
    if not 1 <= days <= LONGEST_DAYS:
        msg = f"a token lasts 1 to {LONGEST_DAYS} days, not {days}"
        raise PerfuscopeError(msg)
    closed = [scope for scope in scopes if user.role not in scope.roles]
    if closed:
        msg = f"{user.name} is {user.role.value}; programs of that role may not ask for {', '.join(closed)}"
        raise PerfuscopeError(msg)


def find(session: Session, token: str) -> tuple[ApiToken, User] | None:
    """The token and its user, whether it is still good or not; ``good`` tells."""
    statement = (
        select(ApiToken, User).join(User, User.id == ApiToken.user_id).where(ApiToken.token_sha256 == digest(token))
    )
    found = session.execute(statement).one_or_none()
    return None if found is None else (found[0], found[1])


def standing(token: ApiToken, user: User, *, now: datetime) -> str:
    """``good``, or why it is not: ``revoked``, ``expired``, ``disabled``."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "expired"
    return "disabled" if user.disabled_at is not None else "good"


def used(session: Session, token: ApiToken, *, now: datetime) -> None:
    """Note that it was used, to the minute."""
    session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))


def is_fresh(token: ApiToken, *, now: datetime) -> bool:
    """Whether its last use was noted a moment ago."""
    return token.last_used_at is not None and now - token.last_used_at < TOUCH_EVERY


def revoke(session: Session, token: ApiToken, user: User, *, by: Hand) -> None:
    """Make it good for nothing."""
    if token.revoked_at is None:
        token.revoked_at = by.now
        _record(session, token, user, "revoked", by)


def scopes_of(token: ApiToken) -> frozenset[Scope]:
    """What it is good for; a scope that a later release made is left out."""
    return frozenset(scope for scope in Scope if scope.value in token.scopes.split())


def listed(session: Session, *, user_id: UUID | None = None) -> list[tuple[ApiToken, User]]:
    """All tokens, or a user's, with their users; the newest first."""
    statement = select(ApiToken, User).join(User, User.id == ApiToken.user_id).order_by(ApiToken.created_at.desc())
    if user_id is not None:
        statement = statement.where(ApiToken.user_id == user_id)
    return [(token, user) for token, user in session.execute(statement)]


def _record(session: Session, token: ApiToken, user: User, what: str, by: Hand) -> None:
    detail = f"{user.name}/{token.label} {what}"
    audit.record(session, AuditAction.TOKEN, actor=by.actor, now=by.now, subject=token.id, detail=detail)
