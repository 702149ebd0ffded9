"""Which model an order means, and whether it may be put in force."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from db import model_versions
from db.order_tables import Order
from db.session import Sessions
from models import artifact
from models.card import Card
from worker.activating import InForce


def judged(sessions: Sessions, order: Order) -> tuple[InForce, UUID | None]:
    """The model that the order names, by its key in the database or as one that comes with Perfuscope.

    Beside it the key of the model in force that it was judged by.

    Raises ``PerfuscopeError`` for one that is not there, damaged or of another release, ``NotMet`` for one that misses
    a criterion where no reason was given.
    """
    with sessions.read() as session:
        row = model_versions.active(session)
        active, beside = (_card(row.card), row.id) if row is not None else (None, None)
    reason = str(order.asked.get("reason", "")).strip()
    with TemporaryDirectory() as folder:
        found = artifact.load(_folder(sessions, order, Path(folder)))
        return InForce.judged(found, active, actor=order.actor, reason=reason), beside


def in_force(session: Session) -> UUID | None:
    """The key of the model in force."""
    row = model_versions.active(session)
    return row.id if row is not None else None


def _card(kept: dict[str, Any]) -> Card:
    try:
        return Card.model_validate(kept)
    except ValidationError:
        raise PerfuscopeError("this release cannot read the card of the model in force") from None


def _folder(sessions: Sessions, order: Order, into: Path) -> Path:
    if order.subject is not None:
        return _unpacked(sessions, order.subject, into)
    name = str(order.asked.get("name", ""))
    if name not in artifact.names():
        msg = f"no model of that name comes with this release; there are: {', '.join(artifact.names())}"
        raise PerfuscopeError(msg)
    return artifact.find(name)


def _unpacked(sessions: Sessions, key: UUID, into: Path) -> Path:
    with sessions.read() as session:
        row = model_versions.with_bytes(session, key)
        if row is None:
            raise PerfuscopeError("that model is not in the database")
        return artifact.unpack(row.artifact, into / row.sha256)
