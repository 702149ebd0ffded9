"""Judges from rows alone whether a study is complete, and opens its next revision when its inputs changed."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.jobs import Bell, JobStage
from core.settings import Settings
from core.types import Decision, InstanceState, Outcome, Reason
from db import audit, cases, jobs, model_versions, reports, studies
from db.tables import Instance, ModelVersion, Study, ViewImage
from dicom_node.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a study is waited for, and whether a study without a result gets a page."""

    quiet: timedelta
    cap: timedelta
    association: timedelta
    ring_again: timedelta
    report_no_result: bool

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """As the settings say."""
        return cls(
            quiet=timedelta(seconds=settings.quiet_period_s),
            cap=timedelta(seconds=settings.study_cap_s),
            association=timedelta(seconds=settings.association_wait_s),
            ring_again=timedelta(seconds=settings.ring_again_s),
            report_no_result=settings.report.send_no_result,
        )


def is_due(session: Session, study_id: UUID, *, now: datetime, policy: Policy) -> bool:
    """Whether ``settle`` would decide now; only reads."""
    study = session.get_one(Study, study_id)
    return study.waiting_since is not None and _due(session, study, now=now, policy=policy) is not None


def requeue(session: Session, study_id: UUID, *, now: datetime, policy: Policy) -> tuple[Verdict, Bell | None]:
    """Open the study's next revision with the active model because somebody asked, if it can be classified.

    The verdict says why not where it cannot, and nothing is changed then. Raises ``PerfuscopeError`` without a model.
    """
    study = studies.locked(session, study_id)
    verdict = _verdict(session, study)
    inputs = _inputs(session, verdict.chosen)
    verdict = _unless_repeated(verdict, inputs)
    if verdict.outcome is not None:
        return verdict, None
    model = model_versions.active(session)
    if model is None:
        raise PerfuscopeError("no model is active; run: perfuscope db upgrade")
    study.waiting_since = None
    return verdict, _open_case(session, study, inputs, verdict, model, now=now, policy=policy)


def settle(session: Session, study_id: UUID, *, now: datetime, policy: Policy) -> Bell | None:
    """Open the study's next revision if its time has come; the bell of its job, if it got one.

    Safe to call at any time by anyone: the study's row is locked, and unchanged inputs open nothing.
    """
    study = studies.locked(session, study_id)
    if study.waiting_since is None:
        return None
    verdict = _due(session, study, now=now, policy=policy)
    model = model_versions.active(session)
    if verdict is None or model is None:
        return None
    study.waiting_since = None
    return _open(session, study, verdict, model, now=now, policy=policy)


def _due(session: Session, study: Study, *, now: datetime, policy: Policy) -> Verdict | None:
    """The verdict on the study, once it is time for one.

    With every view prepared that is at once, but for an association that may bring more; else after the quiet period.
    """
    instances = _instances(session, study)
    verdict = judge(instances, accepted=study.identities_accepted)
    pending = any(i.state is InstanceState.RECEIVED for i in instances)
    if now >= (study.waiting_since or now) + policy.cap:
        return verdict
    if pending:
        return None
    if verdict.outcome is None:
        covered_at = max(i.judged_at or now for i in verdict.chosen)
        over = study.open_associations == 0 or now >= covered_at + policy.association
    else:
        over = now >= study.last_received_at + policy.quiet
    return verdict if over else None


def _instances(session: Session, study: Study) -> list[Instance]:
    """The objects that count: what an administrator rejected does not."""
    return [i for i in studies.current_instances(session, study.id) if i.decision is not Decision.REJECTED]


def _verdict(session: Session, study: Study) -> Verdict:
    return judge(_instances(session, study), accepted=study.identities_accepted)


def _open(
    session: Session, study: Study, verdict: Verdict, model: ModelVersion, *, now: datetime, policy: Policy
) -> Bell | None:
    inputs = _inputs(session, verdict.chosen)
    verdict = _unless_repeated(verdict, inputs)
    if _unchanged(session, study, inputs, verdict):
        return None
    return _open_case(session, study, inputs, verdict, model, now=now, policy=policy)


def _open_case(
    session: Session,
    study: Study,
    inputs: list[dict[str, Any]],
    verdict: Verdict,
    model: ModelVersion,
    *,
    now: datetime,
    policy: Policy,
) -> Bell | None:
    opening = cases.Opening(
        study_id=study.id,
        fingerprint=_fingerprint(inputs, verdict, model, identity_revision=study.identity_revision),
        inputs=inputs,
        model_version_id=model.id,
        outcome=verdict.outcome,
        reason=verdict.reason,
        detail=verdict.detail,
    )
    case = cases.open_revision(session, opening, now=now)
    if verdict.outcome is not None:
        audit.record_result(session, case, now=now)
    else:
        return jobs.add(session, JobStage.CLASSIFY, subject=case.id, now=now, ring_again=policy.ring_again)
    asked_for = verdict.outcome is Outcome.NO_RESULT and policy.report_no_result
    if asked_for or reports.standing(session, case) is not None:  # the PACS must not go on showing what was taken back
        return jobs.add(session, JobStage.REPORT, subject=case.id, now=now, ring_again=policy.ring_again)
    return None


def _unless_repeated(verdict: Verdict, inputs: list[dict[str, Any]]) -> Verdict:
    """No result where two views show the very same maps: one of them is not what its title says."""
    if verdict.outcome is not None or len({item["sha256"] for item in inputs}) == len(inputs):
        return verdict
    return Verdict(verdict.chosen, Outcome.NO_RESULT, Reason.IMPLAUSIBLE, detail="two views show the same maps")


def _unchanged(session: Session, study: Study, inputs: list[dict[str, Any]], verdict: Verdict) -> bool:
    """Whether the study's newest revision says it all. A model activated since is no reason for another one.

    One that lacked polar maps never does: they came with the screens that were prepared again.
    """
    before = cases.latest(session, study.id)
    if before is None or before.reason is Reason.MAPS_MISSING:
        return False
    model = session.get_one(ModelVersion, before.model_version_id)
    return before.fingerprint == _fingerprint(inputs, verdict, model, identity_revision=study.identity_revision)


def _inputs(session: Session, chosen: tuple[Instance, ...]) -> list[dict[str, Any]]:
    found = session.scalars(select(ViewImage).where(ViewImage.id.in_([i.view_image_id for i in chosen])))
    return sorted(
        (
            {
                "view": image.view.value,
                "view_image_id": str(image.id),
                "sha256": image.sha256,
                "layout": image.layout,
                "layout_version": image.layout_version,
            }
            for image in found
        ),
        key=lambda item: str(item["view"]),
    )


def _fingerprint(inputs: list[dict[str, Any]], verdict: Verdict, model: ModelVersion, *, identity_revision: int) -> str:
    """A digest of all that a revision depends on; equal digests open no new one."""
    if verdict.reason is Reason.PATIENTS_DIFFER:
        identity_revision = 0  # who is meant is not known, whatever the newest object says
    said = [[item["view"], item["sha256"], item["layout"], item["layout_version"]] for item in inputs]
    parts = [said, verdict.outcome, verdict.reason, verdict.detail, model.sha256, identity_revision]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
