"""Days that are over are counted once and kept, until something about a study of theirs changes.

What is kept is found by its times alone: days of another zone are other rows. Whoever changes a study or a case that is
more than a day old leaves a ``DayChange`` in the same transaction, by trigger; a day is kept only once it has been over
for two days, when every change without one is long committed.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, exists, insert, select, text
from sqlalchemy.orm import Session

from db import day_figures
from db.calendar_days import midnight
from db.day_figures import Figures
from db.day_tables import DayChange, KeptDay
from db.session import Sessions

OVER = timedelta(days=2)
"""So long a day is over before it is kept; triggers leave a change of what is more than one day old."""

_AT_ONCE = 92
"""No more days are counted in one transaction that writes: on SQLite nobody else writes meanwhile."""
_KEEPING = 7_035_770_002
"""The number of the advisory lock that keeping holds."""
_DAY = timedelta(days=1)


Times = tuple[datetime, datetime]


class Day(NamedTuple):
    """A day by people's clocks, and when it begins and ends."""

    date: date
    starts_at: datetime
    ends_at: datetime

    @property
    def times(self) -> Times:
        """Beginning and end."""
        return self.starts_at, self.ends_at


def days(since: datetime, until: datetime, zone: ZoneInfo | None) -> Iterator[Day]:
    """The whole days within a span. A day that its zone left out, on its way over the date line, is none."""
    day = since.astimezone(zone).date()
    while (ends_at := midnight(day + _DAY, zone)) <= until:
        if since <= (starts_at := midnight(day, zone)) < ends_at:
            yield Day(day, starts_at, ends_at)
        day += _DAY


def read(session: Session, *, since: datetime, until: datetime) -> dict[Times, Figures]:
    """What is kept within the span and still holds, by beginning and end."""
    statement = select(KeptDay.starts_at, KeptDay.ends_at, KeptDay.figures).where(*_holding(since, until))
    return {(starts, ends): Figures.of_json(figures) for starts, ends, figures in session.execute(statement)}


def keep(sessions: Sessions, *, since: datetime, until: datetime, zone: ZoneInfo | None) -> None:
    """Count the days of the span that are over and not kept; where another process is at it, leave that to it."""
    with sessions.read() as session:
        missing = _missing(session, since, min(until, sessions.now(session) - OVER), zone)
    for start in range(0, len(missing), _AT_ONCE):
        with sessions.write() as session:
            if not _is_our_turn(session):
                return
            _drop_changed(session)
            _count(session, missing[start : start + _AT_ONCE], zone)


def _holding(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """One statement looks at days and changes together: a change is seen with its day or not at all."""
    changed = exists().where(DayChange.received_at >= KeptDay.starts_at, DayChange.received_at < KeptDay.ends_at)
    return KeptDay.starts_at >= since, KeptDay.ends_at <= until, ~changed


def _missing(session: Session, since: datetime, until: datetime, zone: ZoneInfo | None) -> list[Day]:
    wanted = list(days(since, until, zone)) if since < until else []
    if not wanted:
        return []
    statement = select(KeptDay.starts_at, KeptDay.ends_at).where(*_holding(since, until))
    kept = {(starts, ends) for starts, ends in session.execute(statement)}
    return [day for day in wanted if day.times not in kept]


def _is_our_turn(session: Session) -> bool:
    if session.get_bind().dialect.name == "sqlite":  # who writes is alone there
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _KEEPING}))


def _drop_changed(session: Session) -> None:
    """Drop the days whose studies have changed, and exactly the changes that were seen for that."""
    changes = sorted(session.scalars(delete(DayChange).returning(DayChange.received_at)))
    if not changes:
        return
    for starts, ends in session.execute(select(KeptDay.starts_at, KeptDay.ends_at)).all():
        if bisect_left(changes, ends) > bisect_left(changes, starts):
            session.execute(delete(KeptDay).where(KeptDay.starts_at == starts))


def _count(session: Session, missing: list[Day], zone: ZoneInfo | None) -> None:
    """Keep these days, in place of any that overlap with them: those are of another zone."""
    for first, last in _runs(missing):
        counted = day_figures.count(session, since=first.starts_at, until=last.ends_at, zone=zone)
        overlapping = KeptDay.starts_at < last.ends_at, KeptDay.ends_at > first.starts_at
        session.execute(delete(KeptDay).where(*overlapping))
        rows = [
            {"starts_at": day.starts_at, "ends_at": day.ends_at, "figures": counted.get(day.date, Figures()).as_json()}
            for day in missing
            if first.date <= day.date <= last.date
        ]
        session.execute(insert(KeptDay), rows)


def _runs(missing: list[Day]) -> Iterator[tuple[Day, Day]]:
    """First and last of days that follow each other."""
    first = before = missing[0]
    for day in missing[1:]:
        if day.starts_at != before.ends_at:
            yield first, before
            first = day
        before = day
    yield first, before
