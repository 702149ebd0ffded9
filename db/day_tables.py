"""Tables of figures that are kept counted, a row a day. They stand outside ``phi``: they hold counts alone."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base


class KeptDay(Base):
    """A day that is over, counted: the studies received from ``starts_at`` on and before ``ends_at``."""

    __tablename__ = "kept_days"

    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    """Midnight by the clocks of the zone that it was counted for."""
    ends_at: Mapped[datetime]
    figures: Mapped[dict[str, Any]]
    """As ``db.day_figures.Figures.as_json`` writes them."""


class DayChange(Base):
    """A study received at that time, more than a day ago, was changed: what is kept of its day holds no longer.

    Triggers on ``studies`` and ``cases`` write it, whoever changes them.
    """

    __tablename__ = "day_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    received_at: Mapped[datetime] = mapped_column(index=True)
