"""Statistics as tables, one a subject: what the CSV files and the API hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from db.drift import Drift
from db.statistics import PLACES, Latency, Statistics


class Subject(StrEnum):
    """What a table of figures is about."""

    DAYS = "days"
    STATIONS = "stations"
    REASONS = "reasons"
    DRIFT = "drift"
    AGREEMENT = "agreement"
    KAPPA = "kappa"


@dataclass(frozen=True, slots=True)
class Table:
    """Names of columns, and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def of(figures: Statistics, subject: Subject) -> Table:
    """The table of one subject."""
    names, rows = _MADE[subject]
    return Table(names, tuple(rows(figures)))


def columns(subject: Subject) -> tuple[str, ...]:
    """The columns of a subject's table."""
    return _MADE[subject][0]


def _days(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for day in figures.days:
        yield day.day.isoformat(), day.studies, *(day.counts[place] for place in PLACES)


def _stations(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for one in figures.stations:
        yield one.sender, one.studies, *(one.counts[place] for place in PLACES), *_times(one.latency)
    yield "(all)", sum(figures.counts.values()), *(figures.counts[p] for p in PLACES), *_times(figures.latency)


def _times(latency: Latency) -> Iterable[object]:
    return latency.n, latency.median_s, latency.p95_s


def _reasons(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for reason, number in figures.reasons.items():
        yield reason.value, reason.sentence, number


def _drift(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for station in figures.stations:
        for drift in station.drifts:
            yield station.sender, drift.what, *_compared(drift), figures.model


def _agreement(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for one in figures.agreement.shares:
        numbers = (one.share.value, *one.share.interval)
        label = one.label.value if one.label else None
        yield one.station, one.what, label, one.share.hits, one.share.n, *(_rounded(value) for value in numbers)


def _kappa(figures: Statistics) -> Iterator[tuple[object, ...]]:
    for pair in figures.agreement.pairs:
        agreed, interval = pair.kappa.agreed, pair.kappa.interval or (None, None)
        numbers = (pair.kappa.expected, pair.kappa.value, *interval)
        yield pair.first, pair.second, agreed.hits, agreed.n, *(_rounded(value) for value in numbers)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _compared(drift: Drift) -> Iterable[object]:
    errors = drift.standard_errors
    low, high = drift.here.interval
    share, reference = drift.here.value, drift.reference.value
    return (
        drift.here.hits,
        drift.here.n,
        *(_rounded(value) for value in (share, low, high)),
        drift.reference.hits,
        drift.reference.n,
        _rounded(reference),
        None if errors is None else round(errors, 2),
        drift.is_beyond_chance,
    )


_MADE = {
    Subject.DAYS: (("day", "studies", *PLACES), _days),
    Subject.STATIONS: (("station", "studies", *PLACES, "timed", "median_s", "p95_s"), _stations),
    Subject.REASONS: (("reason", "sentence", "studies"), _reasons),
    Subject.DRIFT: (
        (
            *("station", "figure", "hits", "n", "share", "low", "high"),
            *("reference_hits", "reference_n", "reference_share", "standard_errors", "beyond_chance", "model"),
        ),
        _drift,
    ),
    Subject.AGREEMENT: (("station", "with", "label", "agreed", "n", "share", "low", "high"), _agreement),
    Subject.KAPPA: (("first", "second", "agreed", "n", "expected", "kappa", "low", "high"), _kappa),
}
