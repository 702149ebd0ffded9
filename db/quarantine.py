"""What waits for a decision: objects in quarantine, and studies whose objects name different patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.phi import NOTHING, Phi
from core.types import Decision, InstanceState, Outcome, Reason
from db import cases, studies
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

    def __repr__(self) -> str:
        return f"Item({self.key})"


def items(session: Session, *, limit: int | None = None) -> list[Item]:
    """What nobody has decided on yet, oldest first."""
    found = [*_objects(session), *_studies(session)]
    return sorted(found, key=lambda item: (item.since, str(item.key)))[:limit]


def count(session: Session) -> int:
    """How many things wait for a decision."""
    objects = session.scalar(select(func.count()).select_from(Instance).where(*_WAITING)) or 0
    return objects + len(_studies(session))


_WAITING = (Instance.state == InstanceState.QUARANTINED, Instance.current, Instance.decision.is_(None))


def _objects(session: Session) -> list[Item]:
    return [
        Item(i.study_id, i.id, i.reason, i.series_description, i.sender_ae, i.judged_at or i.received_at, i.size)
        for i in session.scalars(select(Instance).where(*_WAITING))
    ]


def _studies(session: Session) -> list[Item]:
    statement = (
        select(Study, Case)
        .join(Case, Case.study_id == Study.id)
        .where(Case.superseded_at.is_(None), Case.outcome == Outcome.QUARANTINED, Case.reason == Reason.PATIENTS_DIFFER)
    )
    return [
        Item(
            study.id,
            None,
            case.reason,
            NOTHING,
            study.sender_ae,
            case.done_at or case.opened_at,
            _size(session, study.id),
        )
        for study, case in session.execute(statement)
    ]


def _size(session: Session, study_id: UUID) -> int:
    return session.scalar(select(func.sum(Instance.size)).where(Instance.study_id == study_id, Instance.current)) or 0


def objects_of(session: Session, study_id: UUID) -> list[Instance]:
    """The objects of a study that may be decided on: those in quarantine, or all where its patients differ."""
    differ = patients_differ(session, study_id)
    current = [i for i in studies.current_instances(session, study_id) if i.decision is not Decision.REJECTED]
    return [i for i in current if differ or i.state is InstanceState.QUARANTINED]


def patients_differ(session: Session, study_id: UUID) -> bool:
    """Whether the study stands as a whole in quarantine because its objects name different patients."""
    case = cases.latest(session, study_id)
    return case is not None and (case.outcome, case.reason) == (Outcome.QUARANTINED, Reason.PATIENTS_DIFFER)


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
