"""The list of studies: pages, API, CSV and ``perfuscope results`` ask here and nowhere else. Nothing here writes.

A page costs the same at any place of a list of any length: a cursor is a place in an index, see ``db.worklist_keys``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from db import worklist_keys, worklist_rows
from db.cursor import Cursor
from db.session import Sessions
from db.worklist_filter import Filter, Sort
from db.worklist_rows import ModelName, Row

__all__ = ["Cursor", "Filter", "ModelName", "Page", "Row", "Sort", "count", "every", "page"]

_FIRST_CHUNK, _CHUNK = 50, 500
"""The first studies of a long list are told at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some studies in the order of the filter, and where the next page begins; None where there is none."""

    rows: tuple[Row, ...] = field(repr=False)
    next_cursor: Cursor | None


def page(session: Session, wanted: Filter, limit: int = 50) -> Page:
    """At most ``limit`` studies from the filter's cursor on, in a number of queries that does not grow with them."""
    found = worklist_keys.select_keys(session, wanted, limit=limit + 1)
    rows = worklist_rows.read(session, [one.key for one in found[:limit]])
    return Page(rows, found[limit - 1] if len(found) > limit else None)


def count(session: Session, wanted: Filter, *, at_most: int = 1000) -> int:
    """How many studies there are, counted no further than ``at_most``: who gets that number says "or more"."""
    return len(worklist_keys.select_keys(session, replace(wanted, cursor=None), limit=at_most))


T = TypeVar("T")


def every(
    sessions: Sessions,
    wanted: Filter,
    *,
    limit: int | None = None,
    read: Callable[[Session, Sequence[UUID]], Sequence[T]] = worklist_rows.read,  # type: ignore[assignment] # T is Row
) -> Iterator[T]:
    """All studies of the filter from its cursor on, in constant memory and without holding a transaction open.

    ``read`` makes of keys what is told of them. Each study is told as it stands when it is read: one whose state
    changes meanwhile may be told as what it was, or be missed by a list of states.
    """
    left, chunk = limit, _FIRST_CHUNK
    while left is None or left > 0:
        size = chunk if left is None else min(chunk, left)
        with sessions.read() as session:
            places = worklist_keys.select_keys(session, wanted, limit=size)
            found = read(session, [place.key for place in places])
        yield from found
        left = None if left is None else left - len(places)
        if len(places) < size:
            return
        wanted, chunk = replace(wanted, cursor=places[-1]), _CHUNK
