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
    found = {row.study_id: row for row in _by_chunks(session, _STUDIES, Study.id, study_ids)}
    rows = [found[key] for key in study_ids if key in found]
    loaded = _Loaded.of(session, rows)
    return [_item(row, loaded) for row in rows]


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
    begin_so = keys_beginning(text)
    if by_uid or begin_so is None:
        return list(by_uid)
    return list(session.scalars(select(Study.id).where(Study.id.between(*begin_so))))


def keys_beginning(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last key that begins with ``text``; None where no key can."""
    begins = text.replace("-", "").casefold()
    if not re.fullmatch("[0-9a-f]{1,32}", begins):
        return None
    return UUID(begins.ljust(32, "0")), UUID(begins.ljust(32, "f"))


# Of each table the columns that are told, and no more: a page of whole rows takes half as long again.
_STUDIES = select(
    Study.id.label("study_id"),
    Study.study_instance_uid,
    Study.patient_id,
    Study.accession_number,
    Study.received_at,
    Case.id.label("case_id"),
    Case.revision,
    Case.stage,
    Case.outcome,
    Case.reason,
    Case.detail,
    Case.done_at,
    Case.inputs,
    Case.model_version_id,
).outerjoin(Case, (Case.study_id == Study.id) & Case.superseded_at.is_(None))
_PREDICTIONS = select(
    Prediction.case_id,
    Prediction.view,
    Prediction.label,
    Prediction.status,
    Prediction.p_normal,
    Prediction.p_ischemia,
    Prediction.p_infarction,
)
_REPORTS = select(Report.id, Report.case_id, Report.kind, Report.sop_instance_uid)
_DELIVERIES = select(Job.subject, Job.destination, Job.state, Job.error).where(Job.stage == JobStage.DELIVER)
_MODELS = select(ModelVersion.id, ModelVersion.name, ModelVersion.version, ModelVersion.sha256)
_PENDING = select(Instance.study_id).where(Instance.current, Instance.state == InstanceState.RECEIVED)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Everything that hangs on the listed studies, by the key it is looked up with."""

    predictions: dict[UUID, list[Any]]
    models: dict[UUID, Any]
    sop_instance_uids: dict[str, Phi]
    reports: dict[UUID, list[Any]]
    deliveries: dict[UUID, list[Any]]
    preparing: frozenset[UUID]
    reviews: dict[UUID, list[Review]]

    @classmethod
    def of(cls, session: Session, listed: Sequence[Any]) -> "_Loaded":
        with_case = [row for row in listed if row.case_id is not None]
        case_ids = [row.case_id for row in with_case]
        image_ids = [UUID(item["view_image_id"]) for row in with_case for item in row.inputs]
        images = _by_chunks(session, select(ViewImage.id, ViewImage.instance_id), ViewImage.id, image_ids)
        uids = select(Instance.id, Instance.sop_instance_uid)
        uid_of = dict(_by_chunks(session, uids, Instance.id, [image.instance_id for image in images]))
        reports = _by_chunks(session, _REPORTS, Report.case_id, case_ids)
        jobs = _by_chunks(session, _DELIVERIES, Job.subject, [report.id for report in reports])
        waiting = [row.study_id for row in listed if row.case_id is None]
        return cls(
            predictions=_grouped(_by_chunks(session, _PREDICTIONS, Prediction.case_id, case_ids), "case_id"),
            models={model.id: model for model in session.execute(_MODELS)},
            sop_instance_uids={str(image.id): uid_of.get(image.instance_id, NOTHING) for image in images},
            reports=_grouped(reports, "case_id"),
            deliveries=_grouped(jobs, "subject"),
            preparing=frozenset(row.study_id for row in _by_chunks(session, _PENDING, Instance.study_id, waiting)),
            reviews=reviews.of_cases(session, case_ids),
        )


_CHUNK = 500
"""Databases limit how many values one IN may have."""


def _by_chunks(session: Session, statement: Any, column: Any, values: Sequence[UUID]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(values), _CHUNK):
        found += session.execute(statement.where(column.in_(values[start : start + _CHUNK])))
    return found


def _grouped(rows: Iterable[Any], key: str) -> dict[UUID, list[Any]]:
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


def _item(row: Any, loaded: _Loaded) -> dict[str, Any]:
    case = None if row.case_id is None else row
    item: dict[str, Any] = {
        "study_id": str(row.study_id),
        "study_instance_uid": row.study_instance_uid,
        "patient_id": row.patient_id,
        "accession_number": row.accession_number,
        "state": state_of(case, preparing=row.study_id in loaded.preparing).value,
        "revision": None,
        "label": None,
        "status": None,
        "probabilities": None,
        "views": [],
        "model": None,
        "received_at": row.received_at.isoformat(),
        "completed_at": None,
        "reason": None,
        "reports": [],
        "standing": None,
        "reviews": [],
    }
    return item | (_result(case, loaded) if case is not None else {})


def _result(case: Any, loaded: _Loaded) -> dict[str, Any]:
    said = {row.view: row for row in loaded.predictions.get(case.case_id, [])}
    model = loaded.models[case.model_version_id]
    study_row, counted = said.get(""), loaded.reviews.get(case.case_id, [])
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
            report_item(report, job) for report in loaded.reports.get(case.case_id, []) for job in _jobs(report, loaded)
        ],
        "standing": reviews.standing(counted),
        "reviews": [reviews.item(review) for review in counted],
    }


def _reason(case: Any) -> str | None:
    if case.reason is None:
        return None
    return str(case.reason.sentence) + (f" ({case.detail})" if case.detail else "")


def _view(item: dict[str, Any], row: Any, loaded: _Loaded) -> dict[str, Any]:
    return {
        "view": item["view"],
        "sop_instance_uid": loaded.sop_instance_uids.get(item["view_image_id"], NOTHING),
        "label": row.label.value if row else None,
        "probabilities": cases.probabilities(row).as_dict() if row else None,
    }


def _jobs(report: Any, loaded: _Loaded) -> list[Any]:
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
