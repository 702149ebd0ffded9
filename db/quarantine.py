"""What waits for a decision: objects in quarantine, and studies whose objects name different patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, literal_column, select, tuple_, update
from sqlalchemy.orm import Session

from core.phi import NOTHING, Phi
from core.types import Decision, InstanceState, Outcome, Reason
from db import cases, studies
from db.column_types import UtcDateTime
from db.cursor import Cursor
from db.tables import Case, Instance, Study


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in quarantine: an object, or a whole study where ``instance_id`` is None."""

    study_id: UUID
    instance_id: UUID | None
    reason: Reason | None
    description: Phi
    """SeriesDescription of an object; may name the patient."""
    sender_ae: str
    since: datetime
    size: int

    @property
    def key(self) -> UUID:
        """What the commands take."""
        return self.instance_id or self.study_id

    @property
    def place(self) -> Cursor:
        """Where it stands in the list."""
        return Cursor(self.since, self.key)

    def __repr__(self) -> str:
        return f"Item({self.key})"


def items(session: Session, *, after: Cursor | None = None, limit: int | None = None) -> list[Item]:
    """What nobody has decided on yet, oldest first; ``after``: the last one that was seen, whatever became of it."""
    found = [*_objects(session, after, limit), *_studies(session, after, limit)]
    return sorted(found, key=lambda item: (item.since, str(item.key)))[:limit]


def count(session: Session) -> int:
    """How many things wait for a decision."""
    objects = select(func.count()).select_from(Instance).where(*_WAITING)
    studies = select(func.count()).select_from(Case).where(*_DIFFER)
    return sum(session.scalar(statement) or 0 for statement in (objects, studies))


_WAITING = (
    Instance.state == literal_column("'quarantined'"),  # in words: SQLite then knows that the index over these serves
    Instance.decision.is_(None),
    Instance.current,
)
_DIFFER = (
    Case.superseded_at.is_(None),
    Case.place == Outcome.QUARANTINED.value,
    Case.reason == Reason.PATIENTS_DIFFER,
)


def _ordered(statement: Any, since: Any, key: Any, after: Cursor | None, limit: int | None) -> Any:
    if after is not None:
        last = tuple_(literal(after.at, UtcDateTime()), literal(after.key))
        statement = statement.where(tuple_(since, key) > last)
    return statement.order_by(since, key).limit(limit)


def _objects(session: Session, after: Cursor | None, limit: int | None) -> list[Item]:
    since = func.coalesce(Instance.judged_at, Instance.received_at)
    statement = _ordered(select(Instance).where(*_WAITING), since, Instance.id, after, limit)
    return [
        Item(i.study_id, i.id, i.reason, i.series_description, i.sender_ae, i.judged_at or i.received_at, i.size)
        for i in session.scalars(statement)
    ]


def _studies(session: Session, after: Cursor | None, limit: int | None) -> list[Item]:
    since = func.coalesce(Case.done_at, Case.opened_at)
    size = select(func.sum(Instance.size)).where(Instance.study_id == Study.id, Instance.current).scalar_subquery()
    statement = select(Study, Case, size).join(Case, Case.study_id == Study.id).where(*_DIFFER)
    return [
        Item(study.id, None, case.reason, NOTHING, study.sender_ae, case.done_at or case.opened_at, bytes_kept or 0)
        for study, case, bytes_kept in session.execute(_ordered(statement, since, Study.id, after, limit))
    ]


def objects_of(session: Session, study_id: UUID) -> list[Instance]:
    """The objects of a study that may be decided on: those in quarantine, or all where its patients differ."""
    differ = patients_differ(session, study_id)
    current = [i for i in studies.current_instances(session, study_id) if i.decision is not Decision.REJECTED]
    return [i for i in current if differ or i.state is InstanceState.QUARANTINED]


def patients_differ(session: Session, study_id: UUID) -> bool:
    """Whether the study stands as a whole in quarantine because its objects name different patients."""
    case = cases.latest(session, study_id)
    return case is not None and (case.outcome, case.reason) == (Outcome.QUARANTINED, Reason.PATIENTS_DIFFER)


def take_back(session: Session, chosen: Sequence[ColumnElement[bool]]) -> list[UUID]:
    """Let the chosen objects wait to be prepared again, in one statement; their keys. Lock their studies before.

    Who was rejected or deleted in the meantime is not chosen any more.
    """
    again = update(Instance).where(*chosen).values(state=InstanceState.RECEIVED, reason=None).returning(Instance.id)
    taken = list(session.scalars(again, execution_options={"synchronize_session": False}))
    session.expire_all()
    return taken


def find(session: Session, text: str) -> list[Study | Instance]:
    """Everything in quarantine, and every object of a study there, whose key begins with ``text``."""
    wanted = text.replace("-", "").casefold()
    waiting = items(session)
    whole = [item.study_id for item in waiting if item.instance_id is None]
    single = [item.instance_id for item in waiting if item.instance_id is not None]
    within = [i.id for study_id in whole for i in objects_of(session, study_id)]
    found: list[Study | Instance] = [session.get_one(Study, key) for key in _beginning(whole, wanted)]
    found += [session.get_one(Instance, key) for key in _beginning([*single, *within], wanted)]
    return found


def _beginning(keys: Sequence[UUID], wanted: str) -> list[UUID]:
    return [key for key in dict.fromkeys(keys) if wanted and key.hex.startswith(wanted)]
