"""One study with its objects, revisions and deliveries, as ``perfuscope studies show`` and the API tell it."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from db import cases, reports, results, studies
from db.tables import Case, Instance


def read(session: Session, study_id: UUID) -> dict[str, Any] | None:
    """An item of ``results`` with ``objects`` and ``revisions``, and the ``reports`` of all; None for no such study."""
    found = results.items(session, [study_id])
    if not found:
        return None
    revisions = cases.revisions(session, study_id)
    return found[0] | {
        "objects": [_object(instance) for instance in studies.current_instances(session, study_id)],
        "revisions": [_revision(case) for case in revisions],
        "reports": [
            {"revision": case.revision} | results.report_item(report, job, superseded=case.superseded_at is not None)
            for case in revisions
            for report in reports.of_case(session, case.id)
            for job in (*reports.deliveries(session, report.id),) or (None,)
        ],
    }


def _object(instance: Instance) -> dict[str, Any]:
    return {
        "kind": instance.modality,
        "description": instance.series_description,
        "view": instance.view.value if instance.view else None,
        "state": instance.state.value,
        "reason": instance.reason.sentence if instance.reason else None,
        "decision": instance.decision.value if instance.decision else None,
        "purged_at": instance.purged_at.isoformat() if instance.purged_at else None,
        "sop_instance_uid": instance.sop_instance_uid,
    }


def _revision(case: Case) -> dict[str, Any]:
    return {
        "revision": case.revision,
        "stage": case.stage.value,
        "outcome": case.outcome.value if case.outcome else None,
        "label": case.label.value if case.label else None,
        "reason": case.reason.sentence + (f" ({case.detail})" if case.detail else "") if case.reason else None,
        "superseded": case.superseded_at.isoformat() if case.superseded_at else None,
    }
