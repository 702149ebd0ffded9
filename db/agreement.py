"""How often readers agree with the model, and with each other: shares and kappas, each with its n. Nothing here writes.

A review follows its study, so of the studies of a span only reviews since the span's beginning are looked at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product
from typing import Any, Literal

from sqlalchemy import Exists, Select, String, exists, func, select, tuple_, type_coerce
from sqlalchemy.orm import Session, aliased

from core.kappa import Kappa
from core.proportion import Share
from core.types import Label
from db.tables import Case, Review

ALL = "(all)"
MODEL = "(model)"
"""The model among those who label; no user may be called so."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of n, so many agree.

    ``model``: reviews in force, one a reader and revision, that say what the model said; by what that was.
    ``readers``: revisions that two or more have read, and all say the same.
    """

    what: Literal["model", "readers"]
    station: str
    label: Label | None
    """What the model said; None for all labels together."""
    share: Share


@dataclass(frozen=True, slots=True)
class Pair:
    """Two readers of the same revisions, or a reader and the model, of all stations together."""

    first: str
    second: str
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class Agreements:
    """What readers and the model make of the studies of a span."""

    shares: tuple[Agreement, ...] = ()
    pairs: tuple[Pair, ...] = ()
    """Readers with the model first, then with each other."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """So many revisions of a station of which the model said the same, and the same readers the same."""

    station: str
    model_label: Label | None
    said: Mapping[str, Label]
    """By reader."""
    number: int


def read(session: Session, *, since: datetime, until: datetime) -> Agreements:
    """Agreements about the studies received in the span; none where nobody has reviewed anything."""
    found = [
        _Alike(station, model_label, _said(pattern), number)
        for station, model_label, pattern, number in session.execute(_patterns(since, until, session))
    ]
    return Agreements((*_with_model(found), *_between_readers(found)), tuple(_pairs(found)))


def _patterns(since: datetime, until: datetime, session: Session) -> Select[Any]:
    """How many revisions are alike: counted in the database, so that any number of reviews is a short answer."""
    station = func.coalesce(func.min(Case.sender_ae), "").label("station")
    model_label = type_coerce(func.min(Review.model_label), Case.label.type).label("model_label")
    together = func.group_concat if session.get_bind().dialect.name == "sqlite" else func.string_agg
    pattern = together(Review.reader + ":" + type_coerce(Review.label, String()), " ").label("pattern")
    each = (
        select(station, model_label, pattern)
        .join_from(Review, Case, Case.id == Review.case_id)
        .where(Review.created_at >= since, ~_a_later_one(), Case.superseded_at.is_(None))
        .where(Case.received_at >= since, Case.received_at < until)
        .group_by(Review.case_id)
        .subquery()
    )
    return select(*each.c, func.count()).group_by(*each.c)


def _a_later_one() -> Exists:
    """Whether the reader has said something of the revision since, as ``reviews.in_force`` chooses."""
    later = aliased(Review)
    same = (later.case_id == Review.case_id) & (later.reader == Review.reader)
    after = tuple_(later.created_at, later.id) > tuple_(Review.created_at, Review.id)
    return exists().where(same, after)


def _said(pattern: str) -> dict[str, Label]:
    """A user's name has neither blanks nor colons."""
    return {reader: Label(label) for reader, _, label in (one.partition(":") for one in pattern.split(" "))}


def _with_model(found: Iterable[_Alike]) -> Iterator[Agreement]:
    hits, all_of = Counter[tuple[str, Label | None]](), Counter[tuple[str, Label | None]]()
    for alike in (one for one in found if one.model_label is not None):
        same = sum(label is alike.model_label for label in alike.said.values())
        for key in product((ALL, alike.station), (None, alike.model_label)):
            all_of[key] += alike.number * len(alike.said)
            hits[key] += alike.number * same
    for place, of in sorted(all_of, key=lambda key: (key[0] != ALL, key[0], key[1] or "")):
        yield Agreement("model", place, of, Share(hits[place, of], all_of[place, of]))


def _between_readers(found: Iterable[_Alike]) -> Iterator[Agreement]:
    same, all_of = Counter[str](), Counter[str]()
    for alike in (one for one in found if len(one.said) > 1):
        for place in (ALL, alike.station):
            all_of[place] += alike.number
            same[place] += alike.number * (len(set(alike.said.values())) == 1)
    for place in sorted(all_of, key=lambda key: (key != ALL, key)):
        yield Agreement("readers", place, None, Share(same[place], all_of[place]))


def _pairs(found: Iterable[_Alike]) -> Iterator[Pair]:
    """Readers with the model, then with each other, by name."""
    counts: dict[tuple[str, str], Counter[tuple[Label, Label]]] = defaultdict(Counter)
    for alike in found:
        for reader, label in alike.said.items():
            if alike.model_label is not None:
                counts[reader, MODEL][label, alike.model_label] += alike.number
        for first, second in combinations(sorted(alike.said), 2):
            counts[first, second][alike.said[first], alike.said[second]] += alike.number
    for first, second in sorted(counts, key=lambda key: (key[1] != MODEL, key)):
        yield Pair(first, second, Kappa.of(counts[first, second]))
