"""Which studies a filter lets pass, as places in its order: what makes a list quick. Nothing here writes.

A filter is taken apart into branches of which each is one stretch of one index: the cases in force by (sender), state
and label, the studies without a case, or all studies. Of each branch no more than a page is read, and the pages are
merged. A search walks along its words if they are few; else along the list, looking at each study's words.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.jobs import JobStage, JobState
from core.types import InstanceState, Label, State
from db import search
from db.column_types import UtcDateTime
from db.tables import Case, Instance, Job, Report, Study
from db.worklist_filter import Cursor, Filter, Sort

Places = Select[Any, UUID]
"""A statement for times and keys of studies."""

FEW = 5_000
"""So many studies are found by their words and sorted; more are met soon enough on the way along the list."""

_WITHOUT_CASE = frozenset({State.RECEIVING, State.PREPARING})
_WITH_LABEL = frozenset({State.ACCEPTED, State.NEEDS_REVIEW})
"""A case in these has a label, always; see ``db.cases.record``."""
_STRIDE, _LONGEST_STRIDE = 500, 5_000
_IN_FORCE = Case.superseded_at.is_(None)


def select_keys(session: Session, wanted: Filter, *, limit: int) -> list[Cursor]:
    """The first ``limit`` places after the filter's cursor, in its order."""
    candidates = _candidates(session, wanted)
    if not candidates:
        return _rows(session, _merged(list(_branches(wanted)), wanted, limit))
    few = [found for found in candidates if _are_few(session, found)]
    if few:
        return _rows(session, _among(few[0], [c for c in candidates if c is not few[0]], wanted, limit))
    return _along(session, candidates, wanted, limit)


def _rows(session: Session, statement: Select[Any, UUID]) -> list[Cursor]:
    return [Cursor(at, key) for at, key in session.execute(statement)]


# Conditions that any place of a list can meet.


def _ordered(statement: Places, at: Any, key: Any, *, wanted: Filter, limit: int) -> Places:
    """The statement from the cursor on, within the times, in order."""
    if wanted.since is not None:
        statement = statement.where(at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(at < wanted.until)
    if wanted.cursor is not None:
        here = tuple_(at, key)
        place = tuple_(literal(wanted.cursor.at, UtcDateTime()), literal(wanted.cursor.study_id))
        statement = statement.where(here > place if wanted.sort is Sort.OLDEST else here < place)
    order = (at, key) if wanted.sort is Sort.OLDEST else (at.desc(), key.desc())
    return statement.order_by(*order).limit(limit)


def _preparing() -> ColumnElement[bool]:
    return exists().where(Instance.study_id == Study.id, Instance.current, Instance.state == InstanceState.RECEIVED)


# Branches: stretches of indexes.


def _branches(wanted: Filter) -> Iterator[tuple[Places, Any, Any]]:
    """Statements with the columns they are sorted by; together they name each study that passes once."""
    states = wanted.wanted_states
    if states == frozenset(State) and not wanted.labels and wanted.sort is not Sort.COMPLETED:
        yield _of(select(Study.received_at, Study.id), wanted, Study.sender_ae), Study.received_at, Study.id
        return
    if states & _WITHOUT_CASE and not wanted.labels and wanted.sort is not Sort.COMPLETED:
        waiting = select(Study.received_at, Study.id).where(Study.cased_at.is_(None))
        if not states >= _WITHOUT_CASE:
            waiting = waiting.where(_preparing() if State.PREPARING in states else ~_preparing())
        yield _of(waiting, wanted, Study.sender_ae), Study.received_at, Study.id
    at = Case.done_at if wanted.sort is Sort.COMPLETED else Case.received_at
    labels: list[Label | None] = [*sorted(wanted.labels)] or [*Label, None]
    for state, label in product(sorted(states - _WITHOUT_CASE), labels):
        if label is None and state in _WITH_LABEL:
            continue
        called = Case.label.is_(None) if label is None else Case.label == label
        cell = select(at, Case.study_id).where(_IN_FORCE, Case.state == state, called)
        if wanted.sort is Sort.COMPLETED:
            cell = cell.where(at.is_not(None))
        yield _of(cell, wanted, Case.sender_ae), at, Case.study_id


def _of(statement: Places, wanted: Filter, sender: InstrumentedAttribute[Any]) -> Places:
    return statement.where(sender == wanted.sender) if wanted.sender is not None else statement


def _merged(branches: list[tuple[Places, Any, Any]], wanted: Filter, limit: int) -> Places:
    """The first places of all branches; of each no more are read than could be among them."""
    if not branches:
        return select(Study.received_at, Study.id).where(Study.id.is_(None))
    parts = [_ordered(statement, at, key, wanted=wanted, limit=limit) for statement, at, key in branches]
    if len(parts) == 1:
        return parts[0]
    whole = union_all(*(_named(part.subquery()) for part in parts)).subquery()
    at, key = whole.c
    order = (at, key) if wanted.sort is Sort.OLDEST else (at.desc(), key.desc())
    return select(at, key).order_by(*order).limit(limit)


def _named(part: FromClause) -> Places:
    at, key = part.c
    return select(at.label("at"), key.label("study_id"))


# Candidates: studies found by something else than the list's own order.


def _candidates(session: Session, wanted: Filter) -> list[Places]:
    found = search.found_by(session, wanted)
    return [c for c in (found, undelivered() if wanted.undelivered else None) if c is not None]


def undelivered() -> Places:
    """Studies of whose newest revision a delivery was given up."""
    return (
        select(Case.received_at, Case.study_id)
        .join(Report, Report.case_id == Case.id)
        .join(Job, Job.subject == Report.id)
        .where(Job.state == JobState.DEAD, Job.stage == JobStage.DELIVER, _IN_FORCE)
    )


def _are_few(session: Session, found: Places) -> bool:
    counted = select(func.count()).select_from(found.limit(FEW + 1).subquery())
    return (session.scalar(counted) or 0) <= FEW


def _among(found: Places, others: list[Places], wanted: Filter, limit: int) -> Places:
    """The candidates that meet the rest of the filter, sorted."""
    places = found.distinct().subquery()
    at: Any
    at, key = places.c
    statement = select(at, key)
    needs_case = wanted.states or wanted.labels or wanted.needs_review is not None or wanted.sort is Sort.COMPLETED
    if needs_case:
        statement = statement.outerjoin(Case, and_(Case.study_id == key, _IN_FORCE)).where(*_of_case(wanted, key))
        at = Case.done_at if wanted.sort is Sort.COMPLETED else at
        statement = statement.with_only_columns(at, key)
    if wanted.sender is not None:
        statement = statement.where(exists().where(Study.id == key, Study.sender_ae == wanted.sender))
    for other in others:
        statement = statement.where(key.in_(select(other.subquery().c.study_id)))
    return _ordered(statement, at, key, wanted=wanted, limit=limit)


def _of_case(wanted: Filter, key: ColumnElement[UUID]) -> Iterator[ColumnElement[bool]]:
    """What the filter asks of a study's newest revision, where that is joined."""
    states = wanted.wanted_states
    if wanted.labels:
        yield Case.label.in_(sorted(wanted.labels))
    if wanted.sort is Sort.COMPLETED:
        yield Case.done_at.is_not(None)
    if states == frozenset(State):
        return
    cased = Case.state.in_(sorted(states - _WITHOUT_CASE))
    preparing = exists().where(Instance.study_id == key, Instance.current, Instance.state == InstanceState.RECEIVED)
    none = Case.id.is_(None)
    without: dict[frozenset[State], list[ColumnElement[bool]]] = {
        frozenset(): [],
        frozenset({State.PREPARING}): [and_(none, preparing)],
        frozenset({State.RECEIVING}): [and_(none, ~preparing)],
        _WITHOUT_CASE: [none],
    }
    yield or_(cased, *without[states & _WITHOUT_CASE])


def _along(session: Session, candidates: list[Places], wanted: Filter, limit: int) -> list[Cursor]:
    """Walk along the list and keep what is among the candidates; they are many, so some come soon."""
    plain = replace(wanted, text=None, patient_id=None, accession_number=None, undelivered=False)
    found: list[Cursor] = []
    stride = _STRIDE
    while len(found) < limit:
        passed = select_keys(session, plain, limit=stride)
        kept = {place.study_id for place in passed}
        for candidate in candidates:
            key = candidate.selected_columns[1]
            kept &= set(session.scalars(candidate.with_only_columns(key).where(key.in_(kept))))
        found += [place for place in passed if place.study_id in kept]
        if len(passed) < stride:
            break
        plain, stride = replace(plain, cursor=passed[-1]), min(2 * stride, _LONGEST_STRIDE)
    return found[:limit]
