"""Which studies a filter lets pass, as places in its order. Nothing here writes.

Without a search that is a walk along indexes, see ``db.worklist_branches``. What is searched for leads to candidates: a
few of them are sorted; many are walked along in the order of their times, keeping those that meet the rest; very many
are met soon enough on the way along the list itself, and where they are not, they are walked along after all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true
from sqlalchemy.orm import Session

from core.types import State
from db import search
from db.cursor import Cursor
from db.tables import Case, GivenUp, Study
from db.worklist_branches import IN_FORCE, WITHOUT_CASE, Places, ordered, page, places, preparing
from db.worklist_filter import Filter, Sort

FEW, MANY = 5_000, 20_000
"""Up to so many candidates are sorted at once; up to so many are walked along first of all."""

FAR, FARTHEST = 1_000, 5_000
"""So many studies of a list are passed before its candidates are taken to lie elsewhere; at most, where half a page of
them was found by then."""

_STRIDE, _LONGEST_STRIDE = 1_000, 10_000


def select_keys(session: Session, wanted: Filter, *, limit: int) -> list[Cursor]:
    """The first ``limit`` places after the filter's cursor, in its order."""
    candidates = sorted(_candidates(session, wanted), key=lambda one: one.number)
    if not candidates:
        return [Cursor(at, key) for at, key in session.execute(page(wanted, limit))]
    fewest, *others = candidates
    walks = wanted.sort is not Sort.COMPLETED
    if fewest.number <= FEW and not (walks and fewest.in_order):
        return [Cursor(at, key) for at, key in session.execute(_among(fewest, others, wanted, limit))]
    if walks and (fewest.in_order or fewest.number <= MANY):
        stride = 4 * limit if fewest.in_order else _STRIDE
        return _walk(session, _sifting(fewest, others, wanted), wanted, limit, stride=stride)[0]
    return _along(session, candidates, wanted, limit)


# Candidates: studies found by something else than the list's own order.


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Studies that were found by something, each at least once."""

    places: Places
    has: Callable[[Any], ColumnElement[bool]]
    """Whether a study, by its key, is among them; found by that key."""
    number: int
    """At least so many as they are, counted up to one more than ``MANY``."""
    in_order: bool = False
    """Whether an index has them in the order of their times, so that the first ones cost little."""


def _candidates(session: Session, wanted: Filter) -> Iterator[_Candidates]:
    found = search.found_by(session, wanted)
    if found is not None:
        yield _Candidates(found, lambda key: search.finds(wanted, key), _number(session, found))
    if wanted.undelivered:
        listed = undelivered()
        number = _number(session, select(GivenUp.study_id).order_by(GivenUp.received_at))
        yield _Candidates(listed, _is_undelivered, number, in_order=True)


def undelivered() -> Places:
    """Studies of whose newest revision a delivery was given up."""
    return select(GivenUp.received_at, GivenUp.study_id).join(Case, Case.id == GivenUp.case_id).where(IN_FORCE)


def _is_undelivered(key: Any) -> ColumnElement[bool]:
    return undelivered().with_only_columns(literal(1)).where(GivenUp.study_id == key).exists()


def _number(session: Session, found: Select[*tuple[Any, ...]]) -> int:
    return session.scalar(select(func.count()).select_from(found.limit(MANY + 1).subquery())) or 0


def _among(found: _Candidates, others: list[_Candidates], wanted: Filter, limit: int) -> Places:
    """The candidates that meet the rest of the filter, sorted."""
    distinct = found.places.distinct().subquery()
    at: Any
    at, key = distinct.c
    statement = select(at, key)
    if _asks_for_case(wanted):
        statement = statement.outerjoin(Case, and_(Case.study_id == key, IN_FORCE))
        at = Case.done_at if wanted.sort is Sort.COMPLETED else at
        statement = statement.with_only_columns(at, key)
    statement = statement.where(*_rest(wanted, key), *(other.has(key) for other in others))
    return ordered(statement, at, key, wanted=wanted, limit=limit)


def _asks_for_case(wanted: Filter) -> bool:
    return bool(wanted.states or wanted.labels or wanted.needs_review is not None or wanted.sort is Sort.COMPLETED)


def _rest(wanted: Filter, key: Any) -> Iterator[ColumnElement[bool]]:
    """What the filter asks of a study beside time and search; its newest revision is joined, if that matters."""
    if wanted.sender is not None:
        yield exists().where(Study.id == key, Study.sender_ae == wanted.sender)
    states = wanted.wanted_states
    if wanted.sort is Sort.COMPLETED:
        yield Case.done_at.is_not(None)
    if wanted.labels:
        yield Case.place.in_(places(states, wanted.labels))
    elif states != frozenset(State):
        yield or_(Case.place.in_(places(states)), *_waiting(states, key))


def _waiting(states: frozenset[State], key: Any) -> Iterator[ColumnElement[bool]]:
    """Whether a study without a case is in one of the states."""
    asked = states & WITHOUT_CASE
    if asked == WITHOUT_CASE:
        yield Case.id.is_(None)
    elif asked:
        yield and_(Case.id.is_(None), preparing(key) if State.PREPARING in asked else ~preparing(key))


# Walks: stretches of an order, longer and longer, of which those that pass are kept.

Stretch = Callable[[Filter, int], Select[Any, Any, bool]]
"""Makes of a filter with its cursor and a length the statement for times, keys, and whether they pass."""


def _along(session: Session, candidates: list[_Candidates], wanted: Filter, limit: int) -> list[Cursor]:
    """Along the list; candidates that lie elsewhere are walked along from there on."""
    plain = replace(wanted, text=None, patient_id=None, accession_number=None, undelivered=False)

    def stretch(asked: Filter, length: int) -> Select[Any, Any, bool]:
        at, key = page(asked, length).subquery().c
        return select(at, key, and_(true(), *(one.has(key) for one in candidates)))

    found, left = _walk(session, stretch, plain, limit, gives_up=wanted.sort is not Sort.COMPLETED)
    if left is None:
        return found
    fewest, *others = candidates
    needed = limit - len(found)
    sifted = bool(others) or any(True for _ in _rest(wanted, Study.id))
    more, _ = _walk(session, _sifting(fewest, others, wanted), left, needed, stride=0 if sifted else needed)
    return found + more


def _sifting(found: _Candidates, others: list[_Candidates], wanted: Filter) -> Stretch:
    """Stretches of the candidates in the order of their times, and which of them meet the rest of the filter."""

    def stretch(asked: Filter, length: int) -> Select[Any, Any, bool]:
        times, keys = found.places.selected_columns
        at, key = ordered(found.places, times, keys, wanted=asked, limit=length).subquery().c
        passes = and_(true(), *_rest(wanted, key), *(other.has(key) for other in others))
        statement = select(at, key, passes)
        if _asks_for_case(wanted):
            statement = statement.outerjoin(Case, and_(Case.study_id == key, IN_FORCE))
        return statement

    return stretch


def _worth_reading(stretch: Select[Any, Any, bool], wanted: Filter, length: int) -> Select[Any, Any, bool, int]:
    """Of a stretch, in order, what passes and where it ends, if it is whole; each with its number."""
    at, key, passes = stretch.subquery().c
    order = (at, key) if wanted.sort is Sort.OLDEST else (at.desc(), key.desc())
    numbered = select(
        at, key, passes.label("passes"), func.row_number().over(order_by=order).label("number")
    ).subquery()
    at, key, passes, number = numbered.c
    return select(at, key, passes, number).where(or_(passes, number == length)).order_by(number)


def _walk(
    session: Session,
    stretch: Stretch,
    wanted: Filter,
    limit: int,
    *,
    gives_up: bool = False,
    stride: int = 0,
) -> tuple[list[Cursor], Filter | None]:
    """The first ``limit`` places that pass; where it gives up because they lie too far, also where the rest begins."""
    found: list[Cursor] = []
    length, passed = stride or _STRIDE, 0
    while len(found) < limit:
        if gives_up and passed >= (FARTHEST if 2 * len(found) >= limit else FAR):
            return found, wanted
        needed = limit - len(found)
        seen = session.execute(_worth_reading(stretch(wanted, length), wanted, length).limit(needed)).all()
        found += dict.fromkeys(Cursor(at, key) for at, key, passes, _ in seen if passes)
        if not seen or (len(seen) < needed and seen[-1].number < length):
            break
        at, key, *_ = seen[-1]
        wanted, passed = replace(wanted, cursor=Cursor(at, key)), passed + length
        length = min(2 * length, _LONGEST_STRIDE)
    return found[:limit], None
