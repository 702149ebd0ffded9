"""Days in a zone of people's: when one begins, and which one a time in the database belongs to, on both databases."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Date, Dialect, case, cast, func

YEARS = range(1990, 2200)
"""Those that somebody can ask for: at either end of all dates there are midnights that no time says."""
_STEP = timedelta(days=1)


def day_of(
    column: ColumnElement[Any], zone: ZoneInfo | None, *, since: datetime, until: datetime, dialect: Dialect
) -> ColumnElement[Any]:
    """The day of a time between ``since`` and ``until``; a zone of None is the machine's.

    A change of the clocks, of which there are two a year, parts the span; within a part all times are as far from UTC.
    """
    *parts, (_, last) = _parts(zone, since, until)
    days = [(column < end, _shifted(column, offset, dialect)) for end, offset in parts]
    rest = _shifted(column, last, dialect)
    return case(*days, else_=rest) if days else rest


def midnight(day: date, zone: ZoneInfo | None) -> datetime:
    """When a day begins in a zone, in UTC; a zone of None is the machine's."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def asked_midnight(day: date, zone: ZoneInfo | None) -> datetime:
    """When a day begins that somebody asks for; ValueError for a year that nobody means."""
    if day.year not in YEARS:
        msg = f"the year is to be from {YEARS[0]} to {YEARS[-1]}"
        raise ValueError(msg)
    return midnight(day, zone)


def _parts(zone: ZoneInfo | None, since: datetime, until: datetime) -> list[tuple[datetime, timedelta]]:
    """Ends of the parts of the span, and how far their clocks are ahead of UTC."""
    found: list[tuple[datetime, timedelta]] = []
    at = since
    while at < until:
        after = min(at + _STEP, until)
        if _offset(zone, after) != _offset(zone, at):
            found.append((_change(zone, at, after), _offset(zone, at)))
        at = after
    return [*found, (until, _offset(zone, until))]


def _change(zone: ZoneInfo | None, before: datetime, after: datetime) -> datetime:
    """When between two times the clocks were changed, to a second."""
    first = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (middle, after) if _offset(zone, middle) == first else (before, middle)
    return after.replace(microsecond=0)


def _offset(zone: ZoneInfo | None, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _shifted(column: ColumnElement[Any], offset: timedelta, dialect: Dialect) -> ColumnElement[Any]:
    if dialect.name == "sqlite":
        return func.date(column, f"{int(offset.total_seconds()):+d} seconds")
    return cast(func.timezone("UTC", column) + offset, Date)
