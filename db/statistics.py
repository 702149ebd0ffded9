"""Figures about a span of time: studies a day, what became of them, how long it took, all by station.

A station is the AE title that a study came from first. Nothing here names a patient, and nothing here writes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from core.types import Label, Outcome, Reason, State
from db import agreement, model_versions
from db.agreement import Agreements
from db.calendar_days import day_of
from db.drift import Drift, drifts
from db.tables import Case, Study

PLACES = ("normal", "ischemia", "infarction", "needs_review", "no_result", "quarantined", "at_work")
"""What becomes of studies; each is in one of these."""

_TENTHS = 36_000
"""Latencies are counted by tenths of a second; beyond an hour they are all one."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From the last object of a revision to its result and report being made, in seconds; of results only."""

    n: int
    median_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and how many of its studies are in each of ``PLACES``."""

    day: date
    counts: Mapping[str, int]

    @property
    def studies(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Station:
    """A station, how many of its studies are in each of ``PLACES``, how long they took, and how they drift."""

    sender: str
    counts: Mapping[str, int]
    latency: Latency
    drifts: tuple[Drift, ...]

    @property
    def studies(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of the studies received from ``since`` on and before ``until``, as they stand now."""

    since: datetime
    until: datetime
    days: tuple[Day, ...]
    """Every day of the span, in order."""
    stations: tuple[Station, ...]
    """Those with the most studies first."""
    reasons: Mapping[Reason, int]
    """Why there was no result or a study was kept aside, most often first."""
    latency: Latency
    model: str | None
    """The active model, whose studies alone can drift."""
    agreement: Agreements
    """Readers with the model and with each other."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many studies are in each of ``PLACES``."""
        return _summed(day.counts for day in self.days)


@dataclass(frozen=True, slots=True)
class _Cell:
    """So many studies that are alike."""

    day: date
    sender: str
    state: State
    label: Label | None
    reason: Reason | None
    model_version_id: UUID | None
    studies: int

    @property
    def place(self) -> str:
        if self.state is State.ACCEPTED and self.label is not None:
            return self.label.value
        return self.state.value if self.state.value in PLACES else "at_work"


def read(session: Session, *, since: datetime, until: datetime, zone: ZoneInfo | None) -> Statistics:
    """The figures; days are those of ``zone``, None being the machine's."""
    cells = [*_cased(session, since, until, zone), *_not_cased(session, since, until, zone)]
    tenths = _tenths(session, since, until)
    model = model_versions.active(session)
    drifting = drifts(
        model.card if model else {},
        [(c.sender, c.state, c.reason, c.studies) for c in cells if model and c.model_version_id == model.id],
    )
    counted = Counter[Reason]()
    for cell in cells:
        if cell.reason is not None:
            counted[cell.reason] += cell.studies
    return Statistics(
        since=since,
        until=until,
        days=_days(cells, since, until, zone),
        stations=_stations(cells, tenths, drifting),
        reasons=dict(counted.most_common()),
        latency=_latency(_together(tenths.values())),
        model=f"{model.name} {model.version}" if model else None,
        agreement=agreement.read(session, since=since, until=until),
    )


def _cased(session: Session, since: datetime, until: datetime, zone: ZoneInfo | None) -> list[_Cell]:
    day = day_of(Case.received_at, zone, since=since, until=until, dialect=session.get_bind().dialect)  # type: ignore[arg-type]
    alike = (Case.sender_ae, Case.state, Case.label, Case.reason, Case.model_version_id)
    statement = (
        select(day.label("day"), *alike, func.count())
        .where(Case.superseded_at.is_(None), Case.received_at >= since, Case.received_at < until)
        .group_by("day", *alike)
    )
    return [
        _Cell(_as_day(found), sender or "", state, label, reason, model, number)
        for found, sender, state, label, reason, model, number in session.execute(statement)
    ]


def _not_cased(session: Session, since: datetime, until: datetime, zone: ZoneInfo | None) -> list[_Cell]:
    day = day_of(Study.received_at, zone, since=since, until=until, dialect=session.get_bind().dialect)  # type: ignore[arg-type]
    statement = (
        select(day.label("day"), Study.sender_ae, func.count())
        .where(Study.cased_at.is_(None), Study.received_at >= since, Study.received_at < until)
        .group_by("day", Study.sender_ae)
    )
    return [
        _Cell(_as_day(found), sender, State.RECEIVING, None, None, None, number)
        for found, sender, number in session.execute(statement)
    ]


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _days(cells: Iterable[_Cell], since: datetime, until: datetime, zone: ZoneInfo | None) -> tuple[Day, ...]:
    counts: dict[date, Counter[str]] = {}
    day, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        counts[day] = Counter()
        day += timedelta(days=1)
    for cell in cells:
        counts.setdefault(cell.day, Counter())[cell.place] += cell.studies
    return tuple(Day(day, _in_places(counts[day])) for day in sorted(counts))


def _stations(
    cells: Iterable[_Cell], tenths: Mapping[str, Counter[int]], drifting: Mapping[str, tuple[Drift, ...]]
) -> tuple[Station, ...]:
    counts: dict[str, Counter[str]] = {}
    for cell in cells:
        counts.setdefault(cell.sender, Counter())[cell.place] += cell.studies
    ordered = sorted(counts, key=lambda sender: (-counts[sender].total(), sender))
    return tuple(
        Station(s, _in_places(counts[s]), _latency(tenths.get(s, Counter())), drifting.get(s, ())) for s in ordered
    )


def _in_places(counted: Mapping[str, int]) -> dict[str, int]:
    return {place: counted.get(place, 0) for place in PLACES}


def _summed(counted: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for counts in counted:
        total.update(counts)
    return _in_places(total)


# Latency: counted by tenths of a second in the database, so that any number of studies is a short answer.


def _tenths(session: Session, since: datetime, until: datetime) -> dict[str, Counter[int]]:
    tenth = _tenth(session).label("tenth")
    statement = (
        select(Case.sender_ae, tenth, func.count())
        .where(Case.superseded_at.is_(None), Case.received_at >= since, Case.received_at < until)
        .where(Case.outcome.in_((Outcome.ACCEPTED, Outcome.NEEDS_REVIEW)), Case.fed_at <= Case.done_at)
        .group_by(Case.sender_ae, "tenth")
    )
    found: dict[str, Counter[int]] = {}
    for sender, tenths, number in session.execute(statement):
        found.setdefault(sender or "", Counter())[min(tenths, _TENTHS)] += number
    return found


def _tenth(session: Session) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "sqlite":  # it knows times to a millisecond
        days = func.julianday(Case.done_at) - func.julianday(Case.fed_at)
        return cast(days * 864_000 + 0.005, Integer)
    return cast(func.floor(func.extract("epoch", Case.done_at - Case.fed_at) * 10), Integer)


def _together(counted: Iterable[Counter[int]]) -> Counter[int]:
    return sum(counted, Counter[int]())


def _latency(tenths: Counter[int]) -> Latency:
    return Latency(tenths.total(), _quantile(tenths, 0.5), _quantile(tenths, 0.95))


def _quantile(tenths: Counter[int], share: float) -> float | None:
    """The nearest-rank quantile in seconds, to a tenth."""
    rank, seen = share * tenths.total(), 0
    for tenth in sorted(tenths):
        seen += tenths[tenth]
        if seen >= rank:
            return tenth / 10
    return None
