"""Figures about a span of time: studies a day, what became of them, how long it took, all by station.

A station is the AE title that a study came from first. Nothing here names a patient, and nothing here writes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.types import Reason, State
from db import agreement, day_figures, kept_days, model_versions
from db.agreement import Agreements
from db.day_figures import Alike, Figures
from db.drift import Drift, drifts
from db.kept_days import Times
from db.tables import ModelVersion

PLACES = ("normal", "ischemia", "infarction", "needs_review", "no_result", "quarantined", "at_work")
"""What becomes of studies; each is in one of these."""


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
        return {place: sum(day.counts[place] for day in self.days) for place in PLACES}


def read(session: Session, *, since: datetime, until: datetime, zone: ZoneInfo | None) -> Statistics:
    """The figures; days are those of ``zone``, None being the machine's."""
    found = _by_day(session, since, until, zone)
    whole = Figures()
    for figures in found.values():
        whole.add(figures)
    model = model_versions.active(session)
    return Statistics(
        since=since,
        until=until,
        days=_days(found, since, until, zone),
        stations=_stations(whole, model),
        reasons=_reasons(whole.alike),
        latency=_latency(whole.tenths.values()),
        model=f"{model.name} {model.version}" if model else None,
        agreement=agreement.read(session, since=since, until=until),
    )


_GAPS = 5
"""So many spans between days that are kept are counted; of more, the whole at once."""


def _by_day(session: Session, since: datetime, until: datetime, zone: ZoneInfo | None) -> dict[date, Figures]:
    """The figures of each day that has some: those that are kept, the rest counted anew."""
    dates = {day.times: day.date for day in kept_days.days(since, until, zone)}
    kept = {
        times: figures for times, figures in kept_days.read(session, since=since, until=until).items() if times in dates
    }
    gaps = list(_gaps(sorted(kept), since, until))
    if len(gaps) > _GAPS:
        return day_figures.count(session, since=since, until=until, zone=zone)
    found = {dates[times]: figures for times, figures in kept.items()}
    for starts, ends in gaps:
        found |= day_figures.count(session, since=starts, until=ends, zone=zone)
    return found


def _gaps(kept: Iterable[Times], since: datetime, until: datetime) -> Iterator[Times]:
    """What of the span lies in no kept day."""
    for starts, ends in kept:
        if since < starts:
            yield since, starts
        since = ends
    if since < until:
        yield since, until


@lru_cache(maxsize=1000)
def _place(alike: Alike) -> str:
    _, state, label, _, _ = alike
    if state == State.ACCEPTED and label is not None:
        return label
    return state if state in PLACES else "at_work"


def _days(found: Mapping[date, Figures], since: datetime, until: datetime, zone: ZoneInfo | None) -> tuple[Day, ...]:
    day, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    wanted = [day + timedelta(days=number) for number in range((last - day).days + 1)]
    return tuple(Day(day, _in_places(found[day].alike if day in found else {})) for day in wanted)


def _in_places(alike: Mapping[Alike, int]) -> dict[str, int]:
    counted = dict.fromkeys(PLACES, 0)
    for key, number in alike.items():
        counted[_place(key)] += number
    return counted


def _stations(found: Figures, model: ModelVersion | None) -> tuple[Station, ...]:
    counts: dict[str, dict[Alike, int]] = defaultdict(dict)
    for key, number in found.alike.items():
        counts[key[0]][key] = number
    drifting = _drifting(found.alike, model)
    ordered = sorted(counts, key=lambda sender: (-sum(counts[sender].values()), sender))
    return tuple(
        Station(s, _in_places(counts[s]), _latency([found.tenths.get(s, {})]), drifting.get(s, ())) for s in ordered
    )


def _drifting(alike: Mapping[Alike, int], model: ModelVersion | None) -> dict[str, tuple[Drift, ...]]:
    """By station, how the active model's studies drift from its card."""
    if model is None:
        return {}
    of_model = [
        (sender, State(state), Reason(reason) if reason else None, number)
        for (sender, state, _, reason, key), number in alike.items()
        if key == model.id.hex
    ]
    return drifts(model.card, of_model)


def _reasons(alike: Mapping[Alike, int]) -> dict[Reason, int]:
    counted = Counter[Reason]()
    for (_, _, _, reason, _), number in alike.items():
        if reason is not None:
            counted[Reason(reason)] += number
    return dict(counted.most_common())


def _latency(counted: Iterable[Mapping[int, int]]) -> Latency:
    tenths = Counter[int]()
    for one in counted:
        tenths.update(one)
    return Latency(tenths.total(), _quantile(tenths, 0.5), _quantile(tenths, 0.95))


def _quantile(tenths: Counter[int], share: float) -> float | None:
    """The nearest-rank quantile in seconds, to a tenth."""
    rank, seen = share * tenths.total(), 0
    for tenth in sorted(tenths):
        seen += tenths[tenth]
        if seen >= rank:
            return tenth / 10
    return None
