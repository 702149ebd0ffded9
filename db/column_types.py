"""How columns keep what a database has no type for: times in UTC, and identified text."""

from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy import DateTime, Dialect, String, TypeDecorator

from core.phi import Phi


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on SQLite, which keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; hand SQLite plain UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give every time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PhiText(TypeDecorator[Phi]):
    """Identified text: ``Phi`` on our side, VARCHAR in the database. A statement's text never holds it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Phi | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Reveal the value to the database; bare text is refused, so that nobody compares with it by mistake."""
        if value is None:
            return None
        if not isinstance(value, Phi):
            raise TypeError("an identified column takes Phi")
        return value.reveal()

    def process_literal_param(self, value: Phi | None, dialect: Dialect) -> NoReturn:  # noqa: ARG002
        """Refuse: what is written into a statement is logged with it."""
        raise TypeError("identified text is not written into a statement")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Phi | None:  # noqa: ARG002
        """Wrap what the database gives."""
        return None if value is None else Phi(value)
