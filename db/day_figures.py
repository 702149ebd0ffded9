"""Studies of a span of time, counted by day: how many are alike, and how long results took. Nothing here writes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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

    alike: Counter[Alike] = field(default_factory=Counter)
    tenths: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Results by station and by the tenths of a second from their last object to their end."""

    def as_json(self) -> dict[str, Any]:
        """For the database."""
        return {
            "alike": [[*key, number] for key, number in sorted(self.alike.items(), key=repr)],
            "tenths": [[*key, number] for key, number in sorted(self.tenths.items())],
        }

    @classmethod
    def of_json(cls, written: Mapping[str, Any]) -> Self:
        """What ``as_json`` wrote."""
        alike = {
            (sender, state, label, reason, model): n for sender, state, label, reason, model, n in written["alike"]
        }
        return cls(Counter(alike), Counter({(sender, tenth): n for sender, tenth, n in written["tenths"]}))


def count(session: Session, *, since: datetime, until: datetime, zone: ZoneInfo | None) -> dict[date, Figures]:
    """The figures of each day that has some, counted anew from the studies received in the span."""
    span = _Span(session, since, until, zone)
    found: dict[date, Figures] = defaultdict(Figures)
    for day, key, number in (*_with_case(span), *_without_case(span)):
        found[day].alike[key] += number
    for day, sender, tenth, number in _timed(span):
        found[day].tenths[sender, min(tenth, _TENTHS)] += number
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
    return [
        (_as_day(day), sender or "", tenth, number) for day, sender, tenth, number in span.session.execute(statement)
    ]


def _tenth(session: Session) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "sqlite":  # it knows times to a millisecond
        days = func.julianday(Case.done_at) - func.julianday(Case.fed_at)
        return cast(days * 864_000 + 0.005, Integer)
    return cast(func.floor(func.extract("epoch", Case.done_at - Case.fed_at) * 10), Integer)


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value.value)
