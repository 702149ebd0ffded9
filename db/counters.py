"""Things that are counted for administrators. Nothing here commits."""

from datetime import datetime

from sqlalchemy.orm import Session

from db.session import insert_into
from db.tables import Counter

CAME_BACK = "own_objects_came_back"
"""Objects of our own making that a peer pushed to us; they are accepted and not kept."""


def add_one(session: Session, name: str, *, now: datetime) -> int:
    """Count one more; the new value."""
    first = insert_into(session, Counter).values(name=name, value=1, last_at=now)
    statement = first.on_conflict_do_update(
        index_elements=["name"], set_={"value": Counter.value + 1, "last_at": now}
    ).returning(Counter.value)
    return session.connection().execute(statement).scalar_one()


def value(session: Session, name: str) -> Counter | None:
    """The count and when it last grew; None where nothing was counted yet."""
    return session.get(Counter, name)
