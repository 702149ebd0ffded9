"""The rows of a list of studies, read by their keys. Nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.jobs import JobStage
from core.phi import Phi
from core.types import InstanceState, Label, Outcome, Probabilities, Reason, Stage, State, Status
from db import cases
from db.reports import delivery_state
from db.tables import Case, Instance, Job, ModelVersion, Prediction, Report, Study

NO_DESTINATION = "no_destination"


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
    if case is None:
        return State.PREPARING if preparing else State.RECEIVING
    if case.stage is Stage.DONE and case.outcome is not None:
        return State(case.outcome.value)
    return State(case.stage.value)


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
    current = and_(Case.study_id == Study.id, Case.superseded_at.is_(None))
    whole = and_(Prediction.case_id == Case.id, Prediction.view == "")
    statement = (
        select(Study, Case, Prediction, ModelVersion.name, ModelVersion.version, ModelVersion.sha256)
        .outerjoin(Case, current)
        .outerjoin(Prediction, whole)
        .outerjoin(ModelVersion, ModelVersion.id == Case.model_version_id)
        .where(Study.id.in_(study_ids))
    )
    joined = session.execute(statement).all()
    states = _deliveries(session, [case.id for _, case, *_ in joined if case is not None])
    waiting = [study.id for study, case, *_ in joined if case is None]
    preparing = _studies_with(session, waiting, InstanceState.RECEIVED)
    quarantined = _studies_with(session, study_ids, InstanceState.QUARANTINED)
    return {
        study.id: _row(
            study,
            case,
            said,
            ModelName(*model) if model[0] is not None else None,
            preparing=study.id in preparing,
            quarantined=quarantined.get(study.id, 0),
            deliveries=states.get(case.id, ()) if case else (),
        )
        for study, case, said, *model in joined
    }


def _row(
    study: Study,
    case: Case | None,
    said: Prediction | None,
    model: ModelName | None,
    *,
    preparing: bool,
    quarantined: int,
    deliveries: tuple[str, ...],
) -> Row:
    return Row(
        study_id=study.id,
        study_instance_uid=study.study_instance_uid,
        patient_name=study.patient_name,
        patient_id=study.patient_id,
        patient_birth_date=study.patient_birth_date,
        accession_number=study.accession_number,
        study_date=study.study_date,
        sender_ae=study.sender_ae,
        received_at=study.received_at,
        last_received_at=study.last_received_at,
        state=state_of(case, preparing=preparing),
        in_quarantine=quarantined,
        deliveries=deliveries,
        case_id=case.id if case else None,
        revision=case.revision if case else None,
        stage=case.stage if case else None,
        outcome=case.outcome if case else None,
        label=said.label if said else None,
        status=said.status if said else None,
        probabilities=cases.probabilities(said) if said else None,
        novelty=said.novelty if said else None,
        reason=case.reason if case else None,
        detail=case.detail if case else "",
        opened_at=case.opened_at if case else None,
        completed_at=case.done_at if case else None,
        model=model,
    )


def _deliveries(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    """By case, the states of the deliveries of its reports; one that is routed nowhere counts only if all are."""
    delivered = and_(Job.subject == Report.id, Job.stage == JobStage.DELIVER)
    statement = select(Report.case_id, Job).outerjoin(Job, delivered).where(Report.case_id.in_(case_ids))
    found: dict[UUID, set[str]] = defaultdict(set)
    for case_id, job in session.execute(statement):
        found[case_id].add(delivery_state(job) if job is not None else NO_DESTINATION)
    return {case_id: tuple(sorted(states - {NO_DESTINATION} or states)) for case_id, states in found.items()}


def _studies_with(session: Session, study_ids: Sequence[UUID], state: InstanceState) -> dict[UUID, int]:
    """How many current objects in that state each of the studies has; those without are left out."""
    statement = (
        select(Instance.study_id, func.count())
        .where(Instance.study_id.in_(study_ids), Instance.state == state, Instance.current)
        .group_by(Instance.study_id)
    )
    return {study_id: int(number) for study_id, number in session.execute(statement)}
