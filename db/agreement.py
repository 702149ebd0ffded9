"""How often readers agree with the model, and with each other: shares and kappas, each with its n. Nothing here writes.

A review follows its study, so of the studies of a span only reviews since the span's beginning are looked at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CTE, func, select
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


def read(session: Session, *, since: datetime, until: datetime) -> Agreements:
    """Agreements about the studies received in the span; none where nobody has reviewed anything."""
    said = _in_force(since, until)
    alike = session.execute(
        select(said.c.station, said.c.reader, said.c.label, said.c.model_label, func.count())
        .where(said.c.model_label.is_not(None))
        .group_by(said.c.station, said.c.reader, said.c.label, said.c.model_label)
    ).all()
    together = session.execute(_both(said)).all()
    shares = (*_with_model(alike), *_between_readers(session, said))
    return Agreements(shares, (*_readers_and_model(alike), *_pairs(together)))


def _in_force(since: datetime, until: datetime) -> CTE:
    """Each reader's newest review of each revision in force, as ``reviews.in_force`` chooses it."""
    newest_first = func.row_number().over(
        partition_by=(Review.case_id, Review.reader), order_by=(Review.created_at.desc(), Review.id.desc())
    )
    columns = (Review.case_id, Review.reader, Review.label, Review.model_label)
    placed = select(*columns, newest_first.label("place")).where(Review.created_at >= since).subquery()
    kept = (placed.c[column.key] for column in columns)
    return (
        select(func.coalesce(Case.sender_ae, "").label("station"), *kept)
        .join_from(placed, Case, Case.id == placed.c.case_id)
        .where(placed.c.place == 1, Case.superseded_at.is_(None))
        .where(Case.received_at >= since, Case.received_at < until)
        .cte("said")
    )


def _both(said: CTE) -> Any:
    """How often two readers said what of the same revision."""
    first, second = said.alias("first"), said.alias("second")
    alike = (first.c.reader, second.c.reader, first.c.label, second.c.label)
    same_revision = (first.c.case_id == second.c.case_id) & (first.c.reader < second.c.reader)
    return select(*alike, func.count()).select_from(first).join(second, same_revision).group_by(*alike)


def _with_model(alike: Sequence[Any]) -> Iterator[Agreement]:
    hits, all_of = Counter[tuple[str, Label | None]](), Counter[tuple[str, Label | None]]()
    for station, _reader, label, model_label, number in alike:
        for place in (ALL, station):
            for of in (None, model_label):
                all_of[place, of] += number
                hits[place, of] += number * (label is model_label)
    for place, of in sorted(all_of, key=lambda key: (key[0] != ALL, key[0], key[1] or "")):
        yield Agreement("model", place, of, Share(hits[place, of], all_of[place, of]))


def _between_readers(session: Session, said: CTE) -> Iterator[Agreement]:
    revisions = (
        select(said.c.station, func.count(said.c.label.distinct()).label("labels"))
        .group_by(said.c.station, said.c.case_id)
        .having(func.count() > 1)
        .subquery()
    )
    counted = select(revisions.c.station, revisions.c.labels, func.count()).group_by(*revisions.c)
    same, all_of = Counter[str](), Counter[str]()
    for station, labels, number in session.execute(counted):
        for place in (ALL, station):
            all_of[place] += number
            same[place] += number * (labels == 1)
    for place in sorted(all_of, key=lambda key: (key != ALL, key)):
        yield Agreement("readers", place, None, Share(same[place], all_of[place]))


def _readers_and_model(alike: Sequence[Any]) -> Iterator[Pair]:
    counts: dict[str, Counter[tuple[Label, Label]]] = defaultdict(Counter)
    for _station, reader, label, model_label, number in alike:
        counts[reader][label, model_label] += number
    for reader in sorted(counts):
        yield Pair(reader, MODEL, Kappa.of(counts[reader]))


def _pairs(together: Sequence[Any]) -> Iterator[Pair]:
    counts: dict[tuple[str, str], Counter[tuple[Label, Label]]] = defaultdict(Counter)
    for first, second, label, other, number in together:
        counts[first, second][label, other] += number
    for first, second in sorted(counts):
        yield Pair(first, second, Kappa.of(counts[first, second]))
