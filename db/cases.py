"""Cases, their crops and predictions: the de-identified side of a study. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime
from math import isqrt
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from core.types import LABELS, Outcome, Probabilities, Reason, Stage, Status, StudyPrediction, View
from db.tables import Case, Prediction, Study, ViewImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Opening:
    """A revision to be opened. With an outcome it is done at once, without one it is to be classified."""

    study_id: UUID
    fingerprint: str
    inputs: list[dict[str, Any]]
    model_version_id: UUID
    outcome: Outcome | None = None
    reason: Reason | None = None
    detail: str = ""


def latest(session: Session, study_id: UUID) -> Case | None:
    """The study's newest revision."""
    return session.scalars(
        select(Case).where(Case.study_id == study_id).order_by(Case.revision.desc()).limit(1)
    ).first()


def open_revision(session: Session, opening: Opening, *, now: datetime) -> Case:
    """Open the next revision and mark the one before superseded."""
    before = latest(session, opening.study_id)
    session.execute(
        update(Case).where(Case.study_id == opening.study_id, Case.superseded_at.is_(None)).values(superseded_at=now)
    )
    ended = opening.outcome is not None
    study = session.get_one(Study, opening.study_id)
    study.cased_at = study.cased_at or now
    case = Case(
        id=uuid4(),
        study_id=opening.study_id,
        revision=before.revision + 1 if before else 1,
        fingerprint=opening.fingerprint,
        inputs=opening.inputs,
        model_version_id=opening.model_version_id,
        stage=Stage.DONE if ended else Stage.CLASSIFYING,
        outcome=opening.outcome,
        reason=opening.reason,
        detail=opening.detail,
        opened_at=now,
        done_at=now if ended else None,
        received_at=study.received_at,
        sender_ae=study.sender_ae,
        fed_at=study.last_received_at if before is None or study.last_received_at > before.opened_at else None,
    )
    session.add(case)
    session.flush()
    return case


def live(session: Session, case_id: UUID) -> Case | None:
    """The case, locked, unless a newer revision took its place."""
    case = session.get(Case, case_id, with_for_update=True, populate_existing=True)
    return case if case is not None and case.superseded_at is None else None


def fail(case: Case, reason: Reason, *, now: datetime) -> None:
    """End the case without a result."""
    case.stage, case.outcome, case.reason, case.detail = Stage.DONE, Outcome.NO_RESULT, reason, ""
    case.done_at = now


def refuse(case: Case, prediction: StudyPrediction, *, now: datetime) -> None:
    """End the case without a result because of what the prediction itself says of its inputs."""
    fail(case, Reason.NOVEL, now=now)
    case.detail = prediction.novelty.sentence if prediction.novelty else ""


def crops(session: Session, case: Case) -> list[ViewImage]:
    """The crops chosen for the case, pixels loaded."""
    ids = [UUID(item["view_image_id"]) for item in case.inputs]
    return list(session.scalars(select(ViewImage).where(ViewImage.id.in_(ids)).options(undefer(ViewImage.png))))


def record(session: Session, case: Case, prediction: StudyPrediction, *, preprocessing: str, now: datetime) -> None:
    """Write the predictions of the views and of the study, and what they make of the case.

    Of what is refused nothing is written but the reason: a label that nobody may use is better not there.
    """
    if prediction.status is Status.REFUSED:
        refuse(case, prediction, now=now)
        return
    common = {"case_id": case.id, "model_version_id": case.model_version_id, "preprocessing": preprocessing}
    for view, said in prediction.views.items():
        session.add(
            Prediction(
                **common,
                view=view.value,
                **_columns(said.probabilities, prediction.status),
                activation=said.activation.astype("<f4").tobytes(),
                latency_ms=prediction.latency_ms / len(prediction.views),
                novelty=said.novelty.ratio if said.novelty else None,
                created_at=now,
            )
        )
    session.add(
        Prediction(
            **common,
            view="",
            **_columns(prediction.probabilities, prediction.status),
            latency_ms=prediction.latency_ms,
            novelty=prediction.novelty.ratio if prediction.novelty else None,
            created_at=now,
        )
    )
    case.label = prediction.label
    case.outcome = Outcome.ACCEPTED if prediction.status is Status.ACCEPTED else Outcome.NEEDS_REVIEW
    case.stage, case.reason, case.detail, case.done_at = Stage.REPORTING, None, "", None


def _columns(probabilities: Probabilities, status: Status) -> dict[str, Any]:
    values = {f"p_{label.value}": probabilities[label] for label in LABELS}
    return {"label": probabilities.label, "status": status, **values}


def predictions(session: Session, case_id: UUID, *, activation: bool = False) -> dict[View | None, Prediction]:
    """The case's predictions by view; the study's own stands under None. With their class activation maps if asked."""
    asked = select(Prediction).where(Prediction.case_id == case_id)
    rows = session.scalars(asked.options(undefer(Prediction.activation)) if activation else asked)
    return {View(row.view) if row.view else None: row for row in rows}


def probabilities(row: Prediction) -> Probabilities:
    """A row's three probabilities."""
    return Probabilities(row.p_normal, row.p_ischemia, row.p_infarction)


def activation(row: Prediction) -> "NDArray[np.float32]":
    """A view's class activation maps as ``record`` wrote them, shape (n, n, 3); (0, 0, 3) where none were kept."""
    import numpy as np  # noqa: PLC0415 - few processes look at maps

    values = np.frombuffer(row.activation or b"", dtype="<f4")
    side = isqrt(len(values) // len(LABELS))
    if side * side * len(LABELS) != len(values):
        return np.zeros((0, 0, len(LABELS)), dtype=np.float32)
    return values.reshape(side, side, len(LABELS)).astype(np.float32)


def revisions(session: Session, study_id: UUID) -> list[Case]:
    """Every revision of a study, oldest first."""
    return list(session.scalars(select(Case).where(Case.study_id == study_id).order_by(Case.revision)))
