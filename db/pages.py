"""The choices that a worklist offers, and how many studies each shows. Nothing here writes."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, literal, select
from sqlalchemy.orm import Session

from core.types import Label, State
from db.tables import Case, GivenUp, Study
from db.worklist_branches import places
from db.worklist_keys import undelivered

MOST = 10_000
"""Nobody counts further: who gets that number says "or more"."""


class Show(StrEnum):
    """Which studies a worklist shows. All but the first and the last part the studies between them."""

    ALL = "all"
    AT_WORK = "at_work"
    NORMAL = "normal"
    ISCHEMIA = "ischemia"
    INFARCTION = "infarction"
    NEEDS_REVIEW = "needs_review"
    NO_RESULT = "no_result"
    QUARANTINED = "quarantined"
    UNDELIVERED = "undelivered"


STATES: dict[Show, tuple[State, ...]] = {
    Show.AT_WORK: (State.RECEIVING, State.PREPARING, State.CLASSIFYING, State.REPORTING),
    Show.NORMAL: (State.ACCEPTED,),
    Show.ISCHEMIA: (State.ACCEPTED,),
    Show.INFARCTION: (State.ACCEPTED,),
    Show.NEEDS_REVIEW: (State.NEEDS_REVIEW,),
    Show.NO_RESULT: (State.NO_RESULT,),
    Show.QUARANTINED: (State.QUARANTINED,),
}
"""The states of the studies that a choice shows; of the others every state."""

LABELS = {Show(label.value): label for label in Label}
"""The label of the studies that a choice shows, where it is one label's."""


def counts(session: Session) -> dict[Show, int]:
    """How many studies each choice shows, none counted beyond ``MOST``, so that any database is counted as quickly."""
    parts = [(show, part) for show in Show for part in _parts(show)]
    row = session.execute(select(*(_counted(part) for _, part in parts))).one()
    found = dict.fromkeys(Show, 0)
    for (show, _), number in zip(parts, row, strict=True):
        found[show] = min(found[show] + number, MOST)
    return found


def _parts(show: Show) -> Iterator[Select[*tuple[Any, ...]]]:
    """Statements that name each of the choice's studies once, each of them one stretch of one index, in its order."""
    if show is Show.ALL:
        yield select(literal(1)).select_from(Study).order_by(Study.received_at)
        return
    if show is Show.UNDELIVERED:
        yield undelivered().distinct().order_by(GivenUp.received_at, GivenUp.study_id)
        return
    if show is Show.AT_WORK:
        yield select(literal(1)).where(Study.cased_at.is_(None)).order_by(Study.received_at)
    for place in places(STATES[show], [LABELS[show]] if show in LABELS else ()):
        stretch = select(literal(1)).where(Case.superseded_at.is_(None), Case.place == place)
        yield stretch.order_by(Case.received_at)


def _counted(part: Select[*tuple[Any, ...]]) -> ScalarSelect[int]:
    return select(func.count()).select_from(part.limit(MOST).subquery()).scalar_subquery()
