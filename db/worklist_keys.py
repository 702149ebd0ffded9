"""Which studies a filter lets pass, as places in its order. Nothing here writes."""

from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.orm import Session

from core.types import Outcome, Stage, State
from db.tables import Case, Study
from db.worklist_filter import Cursor, Filter, Sort


def select_keys(session: Session, wanted: Filter, *, limit: int) -> list[Cursor]:
    """The first ``limit`` places after the filter's cursor. (For now by a join; the indexes come with migration 0009.)"""
    current = and_(Case.study_id == Study.id, Case.superseded_at.is_(None))
    at = Case.done_at if wanted.sort is Sort.COMPLETED else Study.received_at
    statement = select(at, Study.id).outerjoin(Case, current).where(_passes(wanted)).limit(limit)
    if wanted.sort is Sort.OLDEST:
        statement = statement.order_by(at, Study.id)
    else:
        statement = statement.order_by(at.desc(), Study.id.desc())
    if wanted.cursor is not None:
        here, place = tuple_(at, Study.id), tuple_(wanted.cursor.at, wanted.cursor.study_id)
        statement = statement.where(here > place if wanted.sort is Sort.OLDEST else here < place)
    return [Cursor(moment, key) for moment, key in session.execute(statement)]


def _passes(wanted: Filter):  # type: ignore[no-untyped-def]
    conditions = [Study.id.is_not(None)]
    if wanted.states or wanted.needs_review is not None:
        conditions.append(or_(*[_in(state) for state in wanted.wanted_states]))
    if wanted.labels:
        conditions.append(Case.label.in_(wanted.labels))
    if wanted.since is not None:
        conditions.append(Study.received_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Study.received_at < wanted.until)
    if wanted.sender is not None:
        conditions.append(Study.sender_ae == wanted.sender)
    if wanted.sort is Sort.COMPLETED:
        conditions.append(Case.done_at.is_not(None))
    return and_(*conditions)


def _in(state: State):  # type: ignore[no-untyped-def]
    if state in (State.RECEIVING, State.PREPARING):
        return Case.id.is_(None)
    if state.value in list(Outcome):
        return and_(Case.stage == Stage.DONE, Case.outcome == Outcome(state.value))
    return Case.stage == Stage(state.value)
