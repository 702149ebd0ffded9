"""What the API answers with: the shapes of its documents, and how rows become them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core import DISCLAIMER
from core.phi import Phi
from core.types import Confidence, Label, Outcome, Stage, State, Status, View
from db.reviews import Standing

Delivery = Literal["waiting", "sent", "committed", "unconfirmed", "failed", "superseded", "no_destination"]


class Told(BaseModel):
    """A document of the API."""

    model_config = ConfigDict(extra="forbid", json_schema_mode_override="serialization")


class Probabilities(Told):
    """The model's three probabilities; they add up to 1."""

    normal: float
    ischemia: float
    infarction: float


class Model(Told):
    """The model that a result was made by."""

    name: str
    version: str
    sha256: str


class SaidOfView(Told):
    """What the model said of one screen."""

    view: View
    label: Label | None
    probabilities: Probabilities | None


class StudyView(SaidOfView):
    """What the model said of one screen, and which object that is."""

    sop_instance_uid: str


class StudyReport(Told):
    """A report of a revision, and one of its deliveries."""

    kind: str = Field(
        description="`sc` page, `sr` structured report, `notice` that there is no result, `kos` rejection"
    )
    sop_instance_uid: str
    destination: str | None
    state: Delivery


class StudyReview(Told):
    """A reader's newest review of a study's newest revision. The comment stays on the study's page."""

    reader: str = Field(description="The name that the reader logs in with.")
    label: Label
    confidence: Confidence
    at: datetime


class Study(Told):
    """A study with its newest revision; the same item that `perfuscope results --format json` prints."""

    study_id: UUID
    study_instance_uid: str
    patient_id: str
    accession_number: str
    state: State
    revision: int | None
    label: Label | None
    status: Status | None
    probabilities: Probabilities | None
    views: list[StudyView]
    model: Model | None
    received_at: datetime
    completed_at: datetime | None
    reason: str | None = Field(description="Why there is no result, or why it is kept aside.")
    reports: list[StudyReport]
    standing: Standing | None = Field(
        description="`agreed`: every reader says what the model says; `differs`: they agree with each other alone; "
        "`disputed`: they disagree; null where nobody has read it."
    )
    reviews: list[StudyReview]


class RevisionReport(StudyReport):
    """A report of any revision."""

    revision: int


class StudyObject(Told):
    """A received object."""

    kind: str
    description: str
    view: View | None
    state: str
    reason: str | None
    decision: str | None
    purged_at: datetime | None
    sop_instance_uid: str


class Revision(Told):
    """A revision of a study."""

    revision: int
    stage: Stage
    outcome: Outcome | None
    label: Label | None
    reason: str | None
    superseded: datetime | None


class WholeStudy(Study):
    """A study with its objects, all its revisions, and the reports of all of them."""

    reports: list[RevisionReport]  # type: ignore[assignment] # of every revision, each with its number
    objects: list[StudyObject]
    revisions: list[Revision]


class Prediction(Told):
    """What the model said of a study; nothing here names a patient."""

    study_id: UUID
    revision: int | None
    state: State
    label: Label | None
    status: Status | None
    probabilities: Probabilities | None
    views: list[SaidOfView]
    model: Model | None
    completed_at: datetime | None
    reason: str | None


class Report(StudyReport):
    """A report of a study's newest revision, and one of its deliveries."""

    study_id: UUID
    revision: int | None


class _Page(Told):
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")
    disclaimer: str = DISCLAIMER


class Studies(_Page):
    """A page of studies."""

    items: list[Study]


class Predictions(_Page):
    """What the model said of a page of studies."""

    items: list[Prediction]


class Reports(_Page):
    """The reports of a page of studies; a study may have several or none."""

    items: list[Report]


class Problem(Told):
    """What is wrong with a request (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


def plain(value: Any) -> Any:
    """The value as JSON has it: what is withheld elsewhere is shown here, to whom the route's rule let through."""
    if value is None or isinstance(value, str):  # most of them
        return value
    if isinstance(value, Phi):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def prediction(item: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an item that names nobody."""
    said = {name: item[name] for name in Prediction.model_fields if name != "views"}
    views = [{name: view[name] for name in SaidOfView.model_fields} for view in item["views"]]
    return said | {"views": views}


def reports(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An item's reports, each with the study's key."""
    whose = {"study_id": item["study_id"], "revision": item["revision"]}
    return [whose | report for report in item["reports"]]
