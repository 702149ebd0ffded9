"""The rows of a list of studies, read by their keys. Nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.jobs import JobStage
from core.phi import Phi
from core.types import LABELS, InstanceState, Label, Outcome, Probabilities, Reason, Stage, State, Status
from db import reviews
from db.reports import NO_DESTINATION, delivery_word
from db.reviews import Readers
from db.tables import Case, Instance, Job, ModelVersion, Prediction, Report, Study


@dataclass(frozen=True, slots=True)
class ModelName:
    """The model of a revision."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Row:
    """A study with its newest revision. What that revision does not have yet, or will never have, is None."""

    study_id: UUID
    study_instance_uid: Phi
    patient_name: Phi
    patient_id: Phi
    patient_birth_date: Phi
    accession_number: Phi
    study_date: Phi
    sender_ae: str
    received_at: datetime
    last_received_at: datetime
    state: State
    in_quarantine: int
    """How many of its objects are in quarantine."""
    deliveries: tuple[str, ...] = ()
    """The states of its newest revision's deliveries, each once."""
    readers: Readers | None = None
    """What the readers of its newest revision say together; None where nobody has read it."""
    case_id: UUID | None = None
    revision: int | None = None
    stage: Stage | None = None
    outcome: Outcome | None = None
    label: Label | None = None
    """What the model said, also where that needs review."""
    status: Status | None = None
    probabilities: Probabilities | None = None
    novelty: float | None = None
    """How far it lies from what the model was trained on, 1 being the limit."""
    reason: Reason | None = None
    detail: str = ""
    opened_at: datetime | None = None
    completed_at: datetime | None = None
    model: ModelName | None = None

    @property
    def why(self) -> str | None:
        """Why there is no result, in words that name nobody."""
        if self.reason is None:
            return None
        return self.reason.sentence + (f" ({self.detail})" if self.detail else "")


def state_of(case: Case | None, *, preparing: bool) -> State:
    """A study's state: its newest revision's stage until that is done, then its outcome."""
    return _state(case.stage if case else None, case.outcome if case else None, preparing=preparing)


def _state(stage: Stage | None, outcome: Outcome | None, *, preparing: bool) -> State:
    if stage is None:
        return State.PREPARING if preparing else State.RECEIVING
    return State(outcome.value if stage is Stage.DONE and outcome is not None else stage.value)


_CHUNK = 500
"""Databases limit how many values one IN may have."""


def read(session: Session, study_ids: Sequence[UUID]) -> tuple[Row, ...]:
    """The studies' rows in the order of their keys; one that is gone meanwhile is left out."""
    found: dict[UUID, Row] = {}
    for start in range(0, len(study_ids), _CHUNK):
        found |= _read(session, study_ids[start : start + _CHUNK])
    return tuple(found[key] for key in study_ids if key in found)


def _read(session: Session, study_ids: Sequence[UUID]) -> dict[UUID, Row]:
    if not study_ids:
        return {}
    statement = _COLUMNS.where(Study.id.in_(study_ids))
    joined = session.execute(statement).mappings().all()
    case_ids = [one["case_id"] for one in joined if one["case_id"] is not None]
    states, read_by = _deliveries(session, case_ids), reviews.readers(session, case_ids)
    waiting = [one["study_id"] for one in joined if one["case_id"] is None]
    preparing = _studies_with(session, waiting, InstanceState.RECEIVED) if waiting else {}
    quarantined = _studies_with(session, study_ids, InstanceState.QUARANTINED)
    return {
        one["study_id"]: _row(
            dict(one),
            preparing=one["study_id"] in preparing,
            in_quarantine=quarantined.get(one["study_id"], 0),
            deliveries=states.get(one["case_id"], ()),
            readers=read_by.get(one["case_id"]),
        )
        for one in joined
    }


_COLUMNS = (
    select(
        Study.id.label("study_id"),
        Study.study_instance_uid,
        Study.patient_name,
        Study.patient_id,
        Study.patient_birth_date,
        Study.accession_number,
        Study.study_date,
        Study.sender_ae,
        Study.received_at,
        Study.last_received_at,
        Case.id.label("case_id"),
        Case.revision,
        Case.stage,
        Case.outcome,
        Case.reason,
        Case.detail,
        Case.opened_at,
        Case.done_at.label("completed_at"),
        Prediction.label,
        Prediction.status,
        Prediction.novelty,
        Prediction.p_normal,
        Prediction.p_ischemia,
        Prediction.p_infarction,
        ModelVersion.name,
        ModelVersion.version,
        ModelVersion.sha256,
    )
    .outerjoin(Case, and_(Case.study_id == Study.id, Case.superseded_at.is_(None)))
    .outerjoin(Prediction, and_(Prediction.case_id == Case.id, Prediction.view == ""))
    .outerjoin(ModelVersion, ModelVersion.id == Case.model_version_id)
)
"""What a row is made of; no more, since a case's inputs alone would take as long as the rest."""


def _row(found: dict[str, Any], **more: Any) -> Row:
    model = ModelName(*(found.pop(name) for name in ("name", "version", "sha256")))
    shares = [found.pop(f"p_{label.value}") for label in LABELS]
    preparing = more.pop("preparing")
    stage, outcome = found["stage"], found["outcome"]
    found["detail"] = found["detail"] or ""
    return Row(
        **found,
        **more,
        state=_state(stage, outcome, preparing=preparing),
        probabilities=None if found["label"] is None else Probabilities(*shares),
        model=None if found["case_id"] is None else model,
    )


def _deliveries(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    """By case, the states of the deliveries of its reports; one that is routed nowhere counts only if all are."""
    delivered = and_(Job.subject == Report.id, Job.stage == JobStage.DELIVER)
    columns = (Report.case_id, Job.state, Job.error)
    statement = select(*columns).outerjoin(Job, delivered).where(Report.case_id.in_(case_ids))
    found: dict[UUID, set[str]] = defaultdict(set)
    for case_id, state, error in session.execute(statement):
        found[case_id].add(delivery_word(state, error) if state is not None else NO_DESTINATION)
    return {case_id: tuple(sorted(states - {NO_DESTINATION} or states)) for case_id, states in found.items()}


def _studies_with(session: Session, study_ids: Sequence[UUID], state: InstanceState) -> dict[UUID, int]:
    """How many current objects in that state each of the studies has; those without are left out."""
    statement = (
        select(Instance.study_id, func.count())
        .where(Instance.study_id.in_(study_ids), Instance.state == state, Instance.current)
        .group_by(Instance.study_id)
    )
    return {study_id: int(number) for study_id, number in session.execute(statement)}
