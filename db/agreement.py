"""How often readers agree with the model, and with each other: shares and kappas, each with its n. Nothing here writes.

A review follows its study, so of the studies of a span only reviews since the span's beginning are looked at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product
from typing import Any, Literal

from sqlalchemy import Select, String, Subquery, func, select, type_coerce
from sqlalchemy.orm import Session

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
    reviewed: int = 0
    """Revisions in force that anybody has reviewed, whether there is anything to compare with or not."""


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
    shares = (*_with_model(found), *_between_readers(found))
    return Agreements(shares, tuple(_pairs(found)), sum(alike.number for alike in found))


def _patterns(since: datetime, until: datetime, session: Session) -> Select[Any]:
    """How many revisions are alike: counted in the database, so that any number of reviews is a short answer.

    Readers of a revision first, then its case: few of the cases of a span have been reviewed.
    """
    together = func.group_concat if session.get_bind().dialect.name == "sqlite" else func.string_agg
    newest = _newest(since)
    read_as = (
        select(
            newest.c.case_id,
            func.min(newest.c.model_label).label("model_label"),
            together(newest.c.reader + ":" + type_coerce(newest.c.label, String()), " ").label("pattern"),
        )
        .where(newest.c.turn == 1)
        .group_by(newest.c.case_id)
        .subquery()
    )
    alike = (
        func.coalesce(Case.sender_ae, "").label("station"),
        type_coerce(read_as.c.model_label, Case.label.type).label("model_label"),
        read_as.c.pattern,
    )
    return (
        select(*alike, func.count())
        .join_from(read_as, Case, Case.id == read_as.c.case_id)
        .where(Case.superseded_at.is_(None), Case.received_at >= since, Case.received_at < until)
        .group_by(*alike)
    )


def _newest(since: datetime) -> Subquery:
    """Reviews since then; ``turn`` is 1 for what a reader said last of a revision, as ``reviews.in_force`` chooses."""
    turn = func.row_number().over(
        partition_by=(Review.case_id, Review.reader), order_by=(Review.created_at.desc(), Review.id.desc())
    )
    columns = Review.case_id, Review.reader, Review.label, Review.model_label, turn.label("turn")
    return select(*columns).where(Review.created_at >= since).subquery()


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
