"""Stretches of indexes that together are a list of studies: what makes a list quick. Nothing here writes.

A filter is taken apart into branches of which each is one stretch of one index: the cases in force by (sender and)
place, which is their state with its label if it has one, the studies without a case, or all studies. Of each branch no
more than a page is read, and the pages are merged.
"""

from collections.abc import Collection, Iterator
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, exists, literal, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from core.types import InstanceState, Label, State
from db.column_types import UtcDateTime
from db.tables import Case, Instance, Study
from db.worklist_filter import Filter, Sort

Places = Select[Any, UUID]
"""A statement for times and keys of studies."""

Branch = tuple[Places, Any, Any]
"""A statement with the columns that it is sorted by."""

IN_FORCE = Case.superseded_at.is_(None)
WITHOUT_CASE = frozenset({State.RECEIVING, State.PREPARING})
_WITH_LABEL = frozenset({State.ACCEPTED, State.NEEDS_REVIEW})
"""A case in these has a label, always (see ``db.cases.record``); what another says is no result."""


def page(wanted: Filter, limit: int) -> Places:
    """The first places of the list, as long as nothing is searched for."""
    return _merged(list(_branches(wanted)), wanted, limit)


def ordered(statement: Places, at: Any, key: Any, *, wanted: Filter, limit: int) -> Places:
    """The statement from the cursor on, within the times, in order."""
    if wanted.since is not None:
        statement = statement.where(at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(at < wanted.until)
    if wanted.cursor is not None:
        here = tuple_(at, key)
        place = tuple_(literal(wanted.cursor.at, UtcDateTime()), literal(wanted.cursor.key))
        statement = statement.where(here > place if wanted.sort is Sort.OLDEST else here < place)
    order = (at, key) if wanted.sort is Sort.OLDEST else (at.desc(), key.desc())
    return statement.order_by(*order).limit(limit)


def preparing(key: Any) -> ColumnElement[bool]:
    """Whether an object of the study is still being read."""
    return exists().where(Instance.study_id == key, Instance.current, Instance.state == InstanceState.RECEIVED)


def _branches(wanted: Filter) -> Iterator[Branch]:
    """Statements with the columns they are sorted by; together they name each study that passes once."""
    states = wanted.wanted_states
    if states == frozenset(State) and not wanted.labels and wanted.sort is not Sort.COMPLETED:
        yield _of(select(Study.received_at, Study.id), wanted, Study.sender_ae), Study.received_at, Study.id
        return
    if states & WITHOUT_CASE and not wanted.labels and wanted.sort is not Sort.COMPLETED:
        waiting = select(Study.received_at, Study.id).where(Study.cased_at.is_(None))
        if not states >= WITHOUT_CASE:
            waiting = waiting.where(preparing(Study.id) if State.PREPARING in states else ~preparing(Study.id))
        yield _of(waiting, wanted, Study.sender_ae), Study.received_at, Study.id
    at = Case.done_at if wanted.sort is Sort.COMPLETED else Case.received_at
    for place in places(states, wanted.labels):
        stretch = select(at, Case.study_id).where(IN_FORCE, Case.place == place)
        if wanted.sort is Sort.COMPLETED:
            stretch = stretch.where(at.is_not(None))
        yield _of(stretch, wanted, Case.sender_ae), at, Case.study_id


def places(states: Collection[State], labels: Collection[Label] = ()) -> list[str]:
    """The ``Case.place`` of each kind of case in these states with one of these labels, or with any."""
    with_label = product(sorted(_WITH_LABEL & set(states)), sorted(labels or Label))
    others = () if labels else sorted(set(states) - _WITH_LABEL - WITHOUT_CASE)
    return [*(f"{state.value}/{label.value}" for state, label in with_label), *(state.value for state in others)]


def _of(statement: Places, wanted: Filter, sender: InstrumentedAttribute[Any]) -> Places:
    return statement.where(sender == wanted.sender) if wanted.sender is not None else statement


def _merged(branches: list[Branch], wanted: Filter, limit: int) -> Places:
    """The first places of all branches; of each no more are read than could be among them."""
    if not branches:
        return select(Study.received_at, Study.id).where(Study.id.is_(None))
    parts = [ordered(statement, at, key, wanted=wanted, limit=limit) for statement, at, key in branches]
    if len(parts) == 1:
        return parts[0]
    whole = union_all(*(_named(part.subquery()) for part in parts)).subquery()
    at, key = whole.c
    order = (at, key) if wanted.sort is Sort.OLDEST else (at.desc(), key.desc())
    return select(at, key).order_by(*order).limit(limit)


def _named(part: FromClause) -> Places:
    at, key = part.c
    return select(at.label("at"), key.label("study_id"))
