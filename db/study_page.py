"""One study with all that hangs on it, as its page shows it. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from core.maps import Maps
from core.types import LABELS, InstanceState, Label, View
from db import audit, cases, reports, reviews, studies
from db.tables import AuditEvent, Case, Instance, Job, ModelVersion, Prediction, Report, Review, Study, ViewImage
from db.worklist_rows import state_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LOOKS, _OTHERS = 100, 300
"""So many times that somebody looked at a study, and so much else of its trail, is on its page."""


@dataclass(frozen=True, slots=True)
class SentReport:
    """A report of a revision, and its delivery to each destination."""

    report: Report
    revision: int
    deliveries: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A study, its revisions, and what one of them says."""

    study: Study
    revisions: tuple[Case, ...]
    """Newest first."""
    case: Case | None
    """The revision that is shown."""
    state: str
    predictions: dict[View | None, Prediction]
    """Of the shown revision; the study's own stands under None."""
    explained: dict[View, frozenset[Label]]
    """The views whose activation maps are kept, and the labels that something on them speaks for."""
    crops: dict[View, ViewImage]
    """Of the shown revision, pixels not loaded; one that is no longer kept is left out."""
    model: ModelVersion | None
    reports: tuple[SentReport, ...]
    """Of every revision, newest first."""
    instances: tuple[Instance, ...] = field(repr=False)
    events: tuple[AuditEvent, ...]
    """The newest, oldest first."""
    older_events: bool
    """Whether there are more, which only the audit trail shows."""
    reviews: tuple[Review, ...] = field(repr=False)
    """Of every revision, newest first."""

    @property
    def shown_reviews(self) -> tuple[Review, ...]:
        """The reviews of the shown revision, newest first."""
        return tuple(review for review in self.reviews if self.case and review.case_id == self.case.id)

    @property
    def shown_reports(self) -> tuple[SentReport, ...]:
        """The reports of the shown revision."""
        return tuple(sent for sent in self.reports if self.case and sent.report.case_id == self.case.id)


def read(session: Session, study_id: UUID, *, revision: int | None = None) -> StudyPage | None:
    """A study at its newest or another revision; None where there is no such study or revision."""
    study = session.get(Study, study_id)
    if study is None:
        return None
    revisions = cases.revisions(session, study_id)[::-1]
    case = _chosen(revisions, revision)
    if revision is not None and case is None:
        return None
    instances = studies.current_instances(session, study_id)
    events, older = audit.of_study(session, study_id, looks=_LOOKS, others=_OTHERS)
    return StudyPage(
        study=study,
        revisions=tuple(revisions),
        case=case,
        state=state_of(case, preparing=any(i.state is InstanceState.RECEIVED for i in instances)),
        predictions=cases.predictions(session, case.id) if case else {},
        explained=_explained(session, case) if case else {},
        crops=_crops(session, case) if case else {},
        model=session.get(ModelVersion, case.model_version_id) if case else None,
        reports=tuple(_reports(session, revisions)),
        instances=tuple(instances),
        events=tuple(events),
        older_events=older,
        reviews=tuple(reviews.of_study(session, study_id)),
    )


def crop(session: Session, view_image_id: UUID) -> bytes | None:
    """A crop's PNG, None where there is none."""
    found = session.get(ViewImage, view_image_id, options=[undefer(ViewImage.png)])
    return found.png if found else None


@dataclass(frozen=True, slots=True)
class Explained:
    """What an overlay is drawn from: a view's activation maps, and where they lie on its crop."""

    activation: "NDArray[np.float32]" = field(repr=False)
    """Shape (n, n, 3), one map a label."""
    maps: Maps | None
    """The polar maps that each activation map holds for; None where it holds for the whole crop."""
    side: int
    """Rows and columns of the crop."""


def explained(session: Session, case_id: UUID, view: View) -> Explained | None:
    """What is needed to show where the model looked on a view of a revision; None where it is not kept."""
    case = session.get(Case, case_id)
    if case is None:
        return None
    said = cases.predictions(session, case_id, activation=True).get(view)
    chosen = _crops(session, case).get(view)
    if said is None or chosen is None or not said.activation:
        return None
    model = session.get_one(ModelVersion, case.model_version_id)
    whole = Maps.of_json(chosen.maps) if chosen.maps and model.card.get("kind") == "study" else None
    head = session.scalar(select(func.substr(ViewImage.png, 17, 4)).where(ViewImage.id == chosen.id))
    return Explained(cases.activation(said), whole, int.from_bytes(head or b"", "big"))


def _chosen(revisions: Sequence[Case], revision: int | None) -> Case | None:
    wanted = [case for case in revisions if revision in (None, case.revision)]
    return wanted[0] if wanted else None


def _crops(session: Session, case: Case) -> dict[View, ViewImage]:
    chosen = {UUID(item["view_image_id"]): View(item["view"]) for item in case.inputs}
    found = session.scalars(select(ViewImage).where(ViewImage.id.in_(chosen)))
    by_view = {chosen[image.id]: image for image in found}
    return {view: by_view[view] for view in View if view in by_view}


def _explained(session: Session, case: Case) -> dict[View, frozenset[Label]]:
    said = cases.predictions(session, case.id, activation=True)
    maps = {view: cases.activation(row) for view, row in said.items() if view is not None and row.activation}
    return {
        view: frozenset(label for place, label in enumerate(LABELS) if found[..., place].any())
        for view, found in maps.items()
    }


def _reports(session: Session, revisions: Sequence[Case]) -> list[SentReport]:
    return [
        SentReport(report, case.revision, tuple(reports.deliveries(session, report.id)))
        for case in revisions
        for report in reports.of_case(session, case.id)
    ]
