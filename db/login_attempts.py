"""Logins that failed, and when somebody must wait before the next. Nothing here commits."""

from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from db.access_tables import LoginAttempt

LOCK = timedelta(minutes=15)
PER_NAME, PER_ADDRESS = 5, 30
"""After so many failures within the time of a lock there is one; many may share an address."""
_KEPT = timedelta(days=1)


def locked_until(session: Session, name_key: str, address: str, *, now: datetime) -> datetime | None:
    """Until when this name, or everybody at this address, is not let in; None where they may try."""
    name = _lock(session, LoginAttempt.name_key == name_key, PER_NAME)
    place = _lock(session, LoginAttempt.address == _place(address), PER_ADDRESS)
    until = max((at for at in (name, place) if at is not None), default=None)
    return until if until is not None and now < until else None


def _lock(session: Session, whose: ColumnElement[bool], allowed: int) -> datetime | None:
    """The end of the lock that the newest failures make."""
    statement = select(LoginAttempt.at).where(whose).order_by(LoginAttempt.at.desc()).limit(allowed)
    times = list(session.scalars(statement))
    if len(times) < allowed or times[0] - times[-1] > LOCK:
        return None
    return times[0] + LOCK


def failed(session: Session, name_key: str, address: str, *, now: datetime) -> None:
    """Keep a failure; those of yesterday go."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - _KEPT))
    session.add(LoginAttempt(id=uuid4(), at=now, name_key=name_key, address=_place(address)))


def _place(address: str) -> str:
    """What is counted as one: an address, or the network of an IPv6 address, of which a host has 2^64 (RFC 4291)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:45]
    return str(IPv6Network((int(found), 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def forget(session: Session, name_key: str) -> None:
    """Whoever it was came in: what failed before does not count."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.name_key == name_key))
