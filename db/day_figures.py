"""Studies of a span of time, counted by day: how many are alike, and how long results took. Nothing here writes."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from core.types import Outcome, State
from db.calendar_days import day_of
from db.tables import Case, Study

_TENTHS = 36_000
"""Latencies are counted by tenths of a second; beyond an hour they are all one."""

Alike = tuple[str, str, str | None, str | None, str | None]
"""What studies have in common: station, state, label, reason, and their model's id as 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of studies."""

    alike: dict[Alike, int] = field(default_factory=lambda: defaultdict(int))
    tenths: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """By station, how many results took so many tenths of a second from their last object to their end."""

    def add(self, other: Self) -> None:
        """Count the other's studies, too."""
        for key, number in other.alike.items():
            self.alike[key] += number
        for sender, tenths in other.tenths.items():
            mine = self.tenths[sender]
            for tenth, number in tenths.items():
                mine[tenth] += number

    def as_json(self) -> dict[str, Any]:
        """For the database: as few pieces as may be, since those of a year are read at once."""
        alike: dict[str, dict[str, int]] = defaultdict(dict)
        for (sender, *codes), number in self.alike.items():
            alike[sender][" ".join(code or _NONE for code in codes)] = number
        tenths = {
            sender: [n for pair in sorted(counted.items()) for n in pair] for sender, counted in self.tenths.items()
        }
        return {"alike": alike, "tenths": tenths}

    @classmethod
    def of_json(cls, written: Mapping[str, Any]) -> Self:
        """What ``as_json`` wrote."""
        return cls(
            {_alike(sender, codes): n for sender, alike in written["alike"].items() for codes, n in alike.items()},
            {sender: dict(zip(flat[::2], flat[1::2], strict=True)) for sender, flat in written["tenths"].items()},
        )


_NONE = "-"


@lru_cache(maxsize=1000)
def _alike(sender: str, codes: str) -> Alike:
    state, *others = codes.split(" ")
    label, reason, model = (None if code == _NONE else code for code in others)
    return sender, state, label, reason, model


def count(session: Session, *, since: datetime, until: datetime, zone: ZoneInfo | None) -> dict[date, Figures]:
    """The figures of each day that has some, counted anew from the studies received in the span."""
    span = _Span(session, since, until, zone)
    found: dict[date, Figures] = defaultdict(Figures)
    for day, key, number in (*_with_case(span), *_without_case(span)):
        found[day].alike[key] += number
    for day, sender, tenth, number in _timed(span):
        found[day].tenths[sender][min(tenth, _TENTHS)] += number
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Span:
    session: Session
    since: datetime
    until: datetime
    zone: ZoneInfo | None

    def day_of(self, column: Any) -> ColumnElement[Any]:
        dialect = self.session.get_bind().dialect
        return day_of(column, self.zone, since=self.since, until=self.until, dialect=dialect)

    def holds(self, column: Any) -> tuple[ColumnElement[bool], ...]:
        return column >= self.since, column < self.until


def _with_case(span: _Span) -> list[tuple[date, Alike, int]]:
    alike = (Case.sender_ae, Case.state, Case.label, Case.reason, Case.model_version_id)
    statement = (
        select(span.day_of(Case.received_at).label("day"), *alike, func.count())
        .where(Case.superseded_at.is_(None), *span.holds(Case.received_at))
        .group_by("day", *alike)
    )
    return [
        (_as_day(day), (sender or "", state.value, _text(label), _text(reason), model.hex), number)
        for day, sender, state, label, reason, model, number in span.session.execute(statement)
    ]


def _without_case(span: _Span) -> list[tuple[date, Alike, int]]:
    statement = (
        select(span.day_of(Study.received_at).label("day"), Study.sender_ae, func.count())
        .where(Study.cased_at.is_(None), *span.holds(Study.received_at))
        .group_by("day", Study.sender_ae)
    )
    return [
        (_as_day(day), (sender, State.RECEIVING.value, None, None, None), number)
        for day, sender, number in span.session.execute(statement)
    ]


def _timed(span: _Span) -> list[tuple[date, str, int, int]]:
    statement = (
        select(
            span.day_of(Case.received_at).label("day"),
            Case.sender_ae,
            _tenth(span.session).label("tenth"),
            func.count(),
        )
        .where(Case.superseded_at.is_(None), *span.holds(Case.received_at))
        .where(Case.outcome.in_((Outcome.ACCEPTED, Outcome.NEEDS_REVIEW)), Case.fed_at <= Case.done_at)
        .group_by("day", Case.sender_ae, "tenth")
    )
    return [(_as_day(day), sender or "", tenths, n) for day, sender, tenths, n in span.session.execute(statement)]


def _tenth(session: Session) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "sqlite":  # it knows times to a millisecond
        days = func.julianday(Case.done_at) - func.julianday(Case.fed_at)
        return cast(days * 864_000 + 0.005, Integer)
    return cast(func.floor(func.extract("epoch", Case.done_at - Case.fed_at) * 10), Integer)


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value.value)
