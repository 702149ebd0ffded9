"""The geometry of charts: what a template draws as SVG. Nothing here knows of HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import ceil, floor, log10

from core.proportion import Share
from db.statistics import PLACES, Day

WIDTH, HEIGHT = 960, 220
LEFT, TOP, RIGHT, BOTTOM = 52, 10, 8, 24
_BY_WEEK = 120
"""From so many days on, a bar is a week."""
_LABELS = 9


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day or a week, and what is told of it."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    text: str
    label: str
    """What stands below it; empty below most."""

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of stacked bars."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    by_week: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def stacked(days: Sequence[Day], names: Mapping[str, str]) -> Bars:
    """Studies a day, or a week where the days are many; ``names`` says what places are called."""
    by_week = len(days) > _BY_WEEK
    groups = [days[start : start + 7] for start in range(0, len(days), 7)] if by_week else [[day] for day in days]
    counts = [{place: sum(day.counts[place] for day in group) for place in PLACES} for group in groups]
    top = _ceiling(max((sum(one.values()) for one in counts), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    every = ceil(len(groups) / _LABELS)
    bars = tuple(
        Bar(
            x=round(LEFT + place * step + step * 0.1, 2),
            width=round(step * 0.8, 2),
            pieces=tuple(_pieces(one, top)),
            text=_told(group, one, names),
            label=f"{group[0].day:%d %b}" if place % every == 0 else "",
        )
        for place, (group, one) in enumerate(zip(groups, counts, strict=True))
    )
    return Bars(bars, tuple(Tick(_y(value, top), f"{value:,}") for value in _ticks(top)), by_week)


def _pieces(counts: Mapping[str, int], top: int) -> Iterable[Piece]:
    below = 0
    for place in PLACES:
        if counts[place]:
            y, foot = _y(below + counts[place], top), _y(below, top)
            yield Piece(place, y, round(foot - y, 2))
            below += counts[place]


def _y(value: float, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 2)


def _told(group: Sequence[Day], counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    last = f" to {group[0].day + timedelta(days=len(group) - 1)}" if len(group) > 1 else ""
    parts = ", ".join(f"{counts[place]} {names[place].lower()}" for place in PLACES if counts[place])
    return f"{group[0].day}{last}: {sum(counts.values())}" + (f" ({parts})" if parts else "")


def _ceiling(most: int) -> int:
    """The next number with one leading 1, 2, 4, 5 or 8."""
    if most < 4:
        return 4
    size = 10 ** floor(log10(most))
    return next(int(size * lead) for lead in (1, 2, 4, 5, 8, 10) if size * lead >= most)


def _ticks(top: int) -> list[int]:
    return [top * part // 4 for part in range(5)]


@dataclass(frozen=True, slots=True)
class Strip:
    """A share with its interval beside a reference, from 0 to ``most`` on a line of 100 units."""

    low: float
    at: float
    high: float
    reference: float


def strip(here: Share, reference: Share, *, most: float) -> Strip:
    """Where a share, its interval and the reference lie."""
    low, high = here.interval

    def place(value: float | None) -> float:
        return round(100 * min((value or 0.0) / most, 1.0), 2)

    return Strip(place(low), place(here.value), place(high), place(reference.value))


def reach(shares: Iterable[tuple[Share, Share]]) -> float:
    """A scale on which every share and interval has room: a tenth, two tenths, a half or the whole."""
    most = max((max(here.interval[1], reference.value or 0.0) for here, reference in shares), default=0.0)
    steps = (0.0, 0.1, 0.2, 0.5, 1.0)
    return next(high for low, high in pairwise(steps) if most <= high)
