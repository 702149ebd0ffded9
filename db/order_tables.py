"""The table of what administrators ask for on the pages. It stands in ``phi``: no other zone may read it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.orders import OrderKind, OrderState
from db.tables import PHI, Base, only_where


class Order(Base):
    """One thing that was asked for. The pages only add rows; what became of it is written by who did it."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_not_taken", "asked_at", **only_where("taken_at IS NULL")),
        Index(None, "asked_at"),
        {"schema": PHI},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[OrderKind]
    actor: Mapped[str] = mapped_column(String(64))
    """Who asked, as the audit trail calls them."""
    subject: Mapped[UUID | None]
    """The object, study, job or model that it is about."""
    asked: Mapped[dict[str, Any]]
    """What else was said: a peer's or model's name, a reason. No patient is named."""
    asked_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    """When the node made a job of it."""
    done_at: Mapped[datetime | None]
    state: Mapped[OrderState] = mapped_column(default=OrderState.WAITING)
    said: Mapped[dict[str, Any] | None]
    """What came of it: ``text``, a sentence, and for some kinds ``findings`` or ``criteria``."""
