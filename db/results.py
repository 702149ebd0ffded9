"""Results as people ask for them: one item a study, joined from both sides. Nothing here writes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import JobStage
from core.phi import NOTHING, Phi
from core.types import InstanceState
from db import cases, reviews, worklist, worklist_keys
from db.reports import NO_DESTINATION, REJECTION, delivery_state
from db.session import Sessions
from db.tables import Case, Instance, Job, ModelVersion, Prediction, Report, Review, Study, ViewImage
from db.worklist_filter import Filter
from db.worklist_rows import state_of


def items(session: Session, study_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """One dictionary a study, in the form that ``perfuscope results --format json`` prints, once it is revealed."""
    current = (Case.study_id == Study.id) & Case.superseded_at.is_(None)
    statement = select(Study, Case).outerjoin(Case, current)
    found: dict[UUID, tuple[Study, Case | None]] = {}
    for start in range(0, len(study_ids), _CHUNK):
        for study, case in session.execute(statement.where(Study.id.in_(study_ids[start : start + _CHUNK]))):
            found[study.id] = (study, case)
    rows = [found[key] for key in study_ids if key in found]
    loaded = _Loaded.of(session, [study for study, _ in rows], [case for _, case in rows if case is not None])
    return [_item(study, case, loaded) for study, case in rows]


def listed(session: Session, wanted: Filter, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The items of the studies that the filter lets pass, in its order; for short lists."""
    places = worklist_keys.select_keys(session, wanted, limit=limit or _ALL)
    return items(session, [place.key for place in places])


_ALL = 10**9


def every(sessions: Sessions, wanted: Filter, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The same one by one, for lists of any length; see ``worklist.every``."""
    return worklist.every(sessions, wanted, limit=limit, read=items)


def find(session: Session, text: str) -> list[UUID]:
    """Studies whose own key begins with ``text``, or whose Study Instance UID is ``text``."""
    by_uid = session.scalars(select(Study.id).where(Study.study_instance_uid == Phi(text))).all()
    begins = text.replace("-", "").casefold()
    if by_uid or not re.fullmatch("[0-9a-f]{1,32}", begins):
        return list(by_uid)
    first, last = UUID(begins.ljust(32, "0")), UUID(begins.ljust(32, "f"))
    return list(session.scalars(select(Study.id).where(Study.id.between(first, last))))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Everything that hangs on the listed studies, by the key it is looked up with."""

    predictions: dict[UUID, list[Prediction]]
    models: dict[UUID, ModelVersion]
    sop_instance_uids: dict[str, Phi]
    reports: dict[UUID, list[Report]]
    deliveries: dict[UUID, list[Job]]
    preparing: frozenset[UUID]
    reviews: dict[UUID, list[Review]]

    @classmethod
    def of(cls, session: Session, listed: Sequence[Study], open_cases: Sequence[Case]) -> "_Loaded":
        case_ids = [case.id for case in open_cases]
        image_ids = [UUID(item["view_image_id"]) for case in open_cases for item in case.inputs]
        images = _by_chunks(session, select(ViewImage), ViewImage.id, image_ids)
        instances = _by_chunks(session, select(Instance), Instance.id, [i.instance_id for i in images])
        uid_of = {instance.id: instance.sop_instance_uid for instance in instances}
        reports = _by_chunks(session, select(Report), Report.case_id, case_ids)
        jobs = _by_chunks(
            session, select(Job).where(Job.stage == JobStage.DELIVER), Job.subject, [r.id for r in reports]
        )
        pending = select(Instance).where(Instance.state == InstanceState.RECEIVED)
        waiting = [study.id for study in listed if study.waiting_since is not None]
        return cls(
            predictions=_grouped(_by_chunks(session, select(Prediction), Prediction.case_id, case_ids), "case_id"),
            models={model.id: model for model in session.scalars(select(ModelVersion))},
            sop_instance_uids={str(image.id): uid_of.get(image.instance_id, NOTHING) for image in images},
            reports=_grouped(reports, "case_id"),
            deliveries=_grouped(jobs, "subject"),
            preparing=frozenset(i.study_id for i in _by_chunks(session, pending, Instance.study_id, waiting)),
            reviews=reviews.of_cases(session, case_ids),
        )


_CHUNK = 500
"""Databases limit how many values one IN may have."""


def _by_chunks(session: Session, statement: Any, column: Any, values: Sequence[UUID]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(values), _CHUNK):
        found += session.scalars(statement.where(column.in_(values[start : start + _CHUNK]))).all()
    return found


def _grouped(rows: Iterable[Any], key: str) -> dict[UUID, list[Any]]:
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


def _item(study: Study, case: Case | None, loaded: _Loaded) -> dict[str, Any]:
    item: dict[str, Any] = {
        "study_id": str(study.id),
        "study_instance_uid": study.study_instance_uid,
        "patient_id": study.patient_id,
        "accession_number": study.accession_number,
        "state": state_of(case, preparing=study.id in loaded.preparing).value,
        "revision": None,
        "label": None,
        "status": None,
        "probabilities": None,
        "views": [],
        "model": None,
        "received_at": study.received_at.isoformat(),
        "completed_at": None,
        "reason": None,
        "reports": [],
        "standing": None,
        "reviews": [],
    }
    return item | (_result(case, loaded) if case is not None else {})


def _result(case: Case, loaded: _Loaded) -> dict[str, Any]:
    said = {row.view: row for row in loaded.predictions.get(case.id, [])}
    model = loaded.models[case.model_version_id]
    study_row, counted = said.get(""), loaded.reviews.get(case.id, [])
    return {
        "revision": case.revision,
        "label": study_row.label.value if study_row else None,
        "status": study_row.status.value if study_row else None,
        "probabilities": cases.probabilities(study_row).as_dict() if study_row else None,
        "views": [_view(item, said.get(item["view"]), loaded) for item in case.inputs],
        "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
        "completed_at": case.done_at.isoformat() if case.done_at else None,
        "reason": _reason(case),
        "reports": [
            report_item(report, job) for report in loaded.reports.get(case.id, []) for job in _jobs(report, loaded)
        ],
        "standing": reviews.standing(counted),
        "reviews": [reviews.item(review) for review in counted],
    }


def _reason(case: Case) -> str | None:
    if case.reason is None:
        return None
    return case.reason.sentence + (f" ({case.detail})" if case.detail else "")


def _view(item: dict[str, Any], row: Prediction | None, loaded: _Loaded) -> dict[str, Any]:
    return {
        "view": item["view"],
        "sop_instance_uid": loaded.sop_instance_uids.get(item["view_image_id"], NOTHING),
        "label": row.label.value if row else None,
        "probabilities": cases.probabilities(row).as_dict() if row else None,
    }


def _jobs(report: Report, loaded: _Loaded) -> list[Job | None]:
    return list(loaded.deliveries.get(report.id, [])) or [None]


def report_item(report: Report, job: Job | None, *, superseded: bool = False) -> dict[str, Any]:
    """A report and one of its deliveries; ``superseded``: a newer revision took its place."""
    own = superseded and report.kind != REJECTION
    return {
        "kind": report.kind,
        "sop_instance_uid": report.sop_instance_uid,
        "destination": job.destination if job else None,
        "state": delivery_state(job, superseded=own) if job else NO_DESTINATION,
    }
