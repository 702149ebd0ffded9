"""Judges from rows alone whether a study is complete, and opens its next revision when its inputs changed."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import Bell, JobStage
from core.settings import Settings
from core.types import REQUIRED_VIEWS, InstanceState, Outcome, Reason, View
from db import cases, jobs, model_versions, reports, studies
from db.identity import several_patients
from db.tables import Instance, ModelVersion, Study, ViewImage


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a study's inputs amount to; without an outcome it can be classified."""

    chosen: tuple[Instance, ...] = ()
    outcome: Outcome | None = None
    reason: Reason | None = None
    detail: str = ""


def is_due(session: Session, study_id: UUID, *, now: datetime, policy: Policy) -> bool:
    """Whether ``settle`` would decide now; only reads."""
    study = session.get_one(Study, study_id)
    return study.waiting_since is not None and _due(session, study, now=now, policy=policy) is not None


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
    instances = studies.current_instances(session, study.id)
    verdict = judge(instances)
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


def judge(instances: list[Instance]) -> Verdict:
    """What these objects amount to: the chosen screens, or why there is no result."""
    if several_patients(instances):
        return Verdict(outcome=Outcome.QUARANTINED, reason=Reason.PATIENTS_DIFFER)
    prepared = [i for i in instances if i.state is InstanceState.PREPARED and i.view is not None]
    by_view = {view: [i for i in prepared if i.view is view] for view in REQUIRED_VIEWS}
    chosen: list[Instance] = []
    for view, candidates in by_view.items():
        best = _best(candidates)
        if candidates and best is None:
            return Verdict(outcome=Outcome.NO_RESULT, reason=Reason.AMBIGUOUS, detail=view.caption)
        if best is not None:
            chosen.append(best)
    missing = [view for view in REQUIRED_VIEWS if not by_view[view]]
    return _incomplete(instances, tuple(chosen), missing) if missing else Verdict(chosen=tuple(chosen))


def _incomplete(instances: list[Instance], chosen: tuple[Instance, ...], missing: list[View]) -> Verdict:
    quarantined = [i.reason for i in instances if i.state is InstanceState.QUARANTINED]
    if chosen:
        detail = "missing: " + ", ".join(view.caption for view in missing)
        return Verdict(chosen, Outcome.NO_RESULT, Reason.INCOMPLETE, detail)
    if quarantined:
        reason = min((r for r in quarantined if r is not None), key=list(Reason).index, default=None)
        return Verdict(outcome=Outcome.QUARANTINED, reason=reason, detail=f"{len(quarantined)} in quarantine")
    return Verdict(outcome=Outcome.NO_RESULT, reason=Reason.NO_SCREENS)


def _best(candidates: list[Instance]) -> Instance | None:
    """By the rules' order, then the newest acquisition; None for a tie of different objects."""
    if not candidates:
        return None
    first_rank = min(i.rule_rank or 0 for i in candidates)
    ranked = [i for i in candidates if (i.rule_rank or 0) == first_rank]
    newest = max(i.acquired_at or "" for i in ranked)
    best = [i for i in ranked if (i.acquired_at or "") == newest]
    return best[0] if len(best) == 1 else None


def _open(
    session: Session, study: Study, verdict: Verdict, model: ModelVersion, *, now: datetime, policy: Policy
) -> Bell | None:
    inputs = _inputs(session, verdict.chosen)
    if _unchanged(session, study, inputs, verdict):
        return None
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
    if verdict.outcome is None:
        return jobs.add(session, JobStage.CLASSIFY, subject=case.id, now=now, ring_again=policy.ring_again)
    asked_for = verdict.outcome is Outcome.NO_RESULT and policy.report_no_result
    if asked_for or reports.standing(session, case) is not None:  # the PACS must not go on showing what was taken back
        return jobs.add(session, JobStage.REPORT, subject=case.id, now=now, ring_again=policy.ring_again)
    return None


def _unchanged(session: Session, study: Study, inputs: list[dict[str, Any]], verdict: Verdict) -> bool:
    """Whether the study's newest revision says it all. A model activated since is no reason for another one."""
    before = cases.latest(session, study.id)
    if before is None:
        return False
    model = session.get_one(ModelVersion, before.model_version_id)
    return before.fingerprint == _fingerprint(inputs, verdict, model, identity_revision=study.identity_revision)


def _inputs(session: Session, chosen: tuple[Instance, ...]) -> list[dict[str, Any]]:
    found = session.scalars(select(ViewImage).where(ViewImage.instance_id.in_([i.id for i in chosen])))
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
