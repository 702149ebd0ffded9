"""What an export is made of: studies with a chosen set of screens, and why the rest of their objects stays behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.phi import Phi
from core.types import REQUIRED_VIEWS, Decision, InstanceState, Label, Probabilities, Reason, Status, View
from db import cases, studies
from db.tables import Case, Instance, ModelVersion, Prediction, Study


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A received object. ``view``: it is the one chosen for that view; ``why_not``: the code by which it stays."""

    instance_id: UUID
    path: str
    view: View | None
    layout: str
    """The name of the layout that a chosen screen was cut by."""
    sender_ae: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said of a study."""

    label: Label
    status: Status
    probabilities: Probabilities
    model: str


@dataclass(frozen=True, slots=True)
class Material:
    """A study to be exported."""

    study_id: UUID
    patient_id: Phi
    """As the PACS knows it."""
    said: Said | None
    objects: tuple[StoredObject, ...]

    @property
    def chosen(self) -> Mapping[View, StoredObject]:
        """The screens that its result was made from."""
        return {item.view: item for item in self.objects if item.view is not None}


def wanted(session: Session, *, label: Label | None, since: datetime | None) -> list[UUID]:
    """Studies whose newest revision names a screen for each view, newest first."""
    statement: Select[Study, Case] = (
        select(Study, Case)
        .join(Case, Case.study_id == Study.id)
        .where(Case.superseded_at.is_(None), Case.reason.is_(None) | (Case.reason != Reason.PATIENTS_DIFFER))
        .order_by(Study.received_at.desc(), Study.id)
    )
    if label is not None:
        statement = statement.where(Case.label == label)
    if since is not None:
        statement = statement.where(Study.received_at >= since)
    return [study.id for study, case in session.execute(statement) if _complete(case)]


def material(session: Session, study_id: UUID) -> Material:
    """A study's objects, and what the model said of it."""
    case = cases.latest(session, study_id)
    study = session.get_one(Study, study_id)
    images = {UUID(item["view_image_id"]): item for item in case.inputs} if case else {}
    objects = tuple(_object(one, images) for one in studies.current_instances(session, study_id))
    return Material(study_id, study.patient_id, _said(session, case) if case else None, objects)


def _complete(case: Case) -> bool:
    return {item["view"] for item in case.inputs} == {view.value for view in REQUIRED_VIEWS}


def _object(instance: Instance, images: Mapping[UUID, Mapping[str, Any]]) -> StoredObject:
    image = images.get(instance.view_image_id) if instance.view_image_id else None
    view, layout = (View(image["view"]), str(image["layout"])) if image else (None, "")
    return StoredObject(instance.id, instance.path, view, layout, instance.sender_ae, _why_not(instance, view))


def _why_not(instance: Instance, view: View | None) -> str | None:
    if instance.purged_at is not None:
        return "purged"
    if instance.decision is Decision.REJECTED:
        return "rejected"
    if view is not None or (instance.state is InstanceState.LISTED and not instance.candidate):
        return None
    return instance.reason.value if instance.reason else "not_chosen"


def _said(session: Session, case: Case) -> Said | None:
    row = session.execute(
        select(Prediction, ModelVersion)
        .join(ModelVersion, ModelVersion.id == Prediction.model_version_id)
        .where(Prediction.case_id == case.id, Prediction.view == "")
    ).first()
    if row is None:
        return None
    found, model = row
    probabilities = Probabilities(found.p_normal, found.p_ischemia, found.p_infarction)
    return Said(found.label, found.status, probabilities, f"{model.name} {model.version} {model.sha256[:12]}")
