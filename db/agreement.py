"""How often readers agree with the model, and with each other, as shares with their n. Nothing here writes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import String, Uuid, column, inspect, select, table
from sqlalchemy.orm import Session

from core.proportion import Share
from core.types import Label
from db.column_types import UtcDateTime
from db.tables import PHI, Case

ALL = "(all)"


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
class _Read:
    """A reader's newest review of a revision in force."""

    case_id: UUID
    station: str
    label: str
    model_label: str | None


def read(session: Session, *, since: datetime, until: datetime) -> tuple[Agreement, ...]:
    """Agreements about the studies received in the span; none where nobody has reviewed anything."""
    found = _in_force(session, since, until)
    return (*_with_model(found), *_between_readers(found))


def _in_force(session: Session, since: datetime, until: datetime) -> list[_Read]:
    schema = None if session.get_bind().dialect.name == "sqlite" else PHI
    if not inspect(session.connection()).has_table("reviews", schema=schema):
        return []
    names = [column(name, String()) for name in ("reader", "label", "model_label")]
    reviews = table("reviews", column("case_id", Uuid()), *names, column("created_at", UtcDateTime()), schema=schema)
    statement = (
        select(Case.id, Case.sender_ae, reviews.c.reader, reviews.c.label, reviews.c.model_label)
        .join(reviews, reviews.c.case_id == Case.id)
        .where(Case.superseded_at.is_(None), Case.received_at >= since, Case.received_at < until)
        .order_by(reviews.c.created_at)
    )
    newest = {
        (case_id, reader): _Read(case_id, sender or "", label, model_label)
        for case_id, sender, reader, label, model_label in session.execute(statement)
    }
    return list(newest.values())


def _with_model(found: Iterable[_Read]) -> Iterator[Agreement]:
    hits: dict[tuple[str, Label | None], list[bool]] = defaultdict(list)
    for one in found:
        if one.model_label is not None:
            for station in (ALL, one.station):
                for label in (None, Label(one.model_label)):
                    hits[station, label].append(one.label == one.model_label)
    for (station, label), agreed in sorted(hits.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        yield Agreement("model", station, label, Share(sum(agreed), len(agreed)))


def _between_readers(found: Iterable[_Read]) -> Iterator[Agreement]:
    labels: dict[tuple[str, UUID], list[str]] = defaultdict(list)
    for one in found:
        for station in (ALL, one.station):
            labels[station, one.case_id].append(one.label)
    same: dict[str, list[bool]] = defaultdict(list)
    for (station, _), said in labels.items():
        if len(said) > 1:
            same[station].append(len(set(said)) == 1)
    for station, agreed in sorted(same.items()):
        yield Agreement("readers", station, None, Share(sum(agreed), len(agreed)))
