"""What an administrator may decide: prepare again, release, reject, classify again. Nothing here commits or rings.

Jobs are made due at once: the node's next round rings for them.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.jobs import JobStage
from core.types import AuditAction, Decision, InstanceState
from db import audit, identity, jobs, quarantine, search, studies
from db.tables import Instance, Study
from dicom_node import completion
from dicom_node.completion import Policy

_AT_ONCE = timedelta(0)


def release_object(session: Session, instance_id: UUID, *, actor: str, now: datetime) -> None:
    """Have an object in quarantine prepared again, with the layouts and rules of today.

    It stays in quarantine where they know it no better. Of one whose burned-in patient was not the header's this
    declares that they are the same. Raises ``PerfuscopeError`` for an object that is not there, or was rejected.
    """
    instance, _ = _held(session, instance_id)
    if instance.state is not InstanceState.QUARANTINED:
        raise PerfuscopeError("that object is not in quarantine")
    look_again(session, instance, now=now)
    instance.decision = Decision.RELEASED
    audit.record(session, AuditAction.RELEASE, actor=actor, now=now, study_id=instance.study_id, subject=instance.id)


def release_study(session: Session, study_id: UUID, *, actor: str, now: datetime, policy: Policy) -> None:
    """Declare the differing identities of a study's objects to be one patient; a further one stops it again.

    Raises ``PerfuscopeError`` for a study that is not in quarantine for that.
    """
    study = studies.locked(session, study_id)
    if not quarantine.patients_differ(session, study_id):
        raise PerfuscopeError("that study is not in quarantine for different patients; release its objects")
    counted = [i for i in studies.current_instances(session, study_id) if i.decision is not Decision.REJECTED]
    study.identities_accepted = identity.digest(counted)
    audit.record(session, AuditAction.RELEASE, actor=actor, now=now, study_id=study_id, detail="one patient")
    _judge_anew(session, study_id, now=now, policy=policy)


def reject(session: Session, instance_id: UUID, *, actor: str, now: datetime, policy: Policy) -> None:
    """Count an object as not there: its study is judged without it, and follows the identity of what is left.

    Raises ``PerfuscopeError`` for an object that is not in quarantine, and whose study is not either, and for one that
    was rejected before.
    """
    instance, study = _held(session, instance_id)
    if instance.state is not InstanceState.QUARANTINED and not quarantine.patients_differ(session, study.id):
        raise PerfuscopeError("neither that object nor its study is in quarantine")
    instance.decision = Decision.REJECTED
    session.flush()
    _follow_what_is_left(session, study)
    audit.record(session, AuditAction.REJECT, actor=actor, now=now, study_id=study.id, subject=instance.id)
    _judge_anew(session, study.id, now=now, policy=policy)


def prepare_again(session: Session, study_id: UUID, *, actor: str, now: datetime) -> int:
    """Have all candidate screens of a study prepared again, with the layouts and rules of today; how many.

    Raises ``PerfuscopeError`` where there is no screen, or where retention has deleted them all.
    """
    studies.locked(session, study_id)
    screens = [
        i for i in studies.current_instances(session, study_id) if i.candidate and i.decision is not Decision.REJECTED
    ]
    chosen = [i for i in screens if i.purged_at is None]
    if not chosen:
        raise PerfuscopeError(
            "retention has deleted the files of its screens" if screens else "that study has no screen"
        )
    for instance in chosen:
        look_again(session, instance, now=now)
    studies.reopen(session, study_id, now=now)
    detail = f"prepare {len(chosen)}"
    audit.record(session, AuditAction.REQUEUE, actor=actor, now=now, study_id=study_id, detail=detail)
    return len(chosen)


def classify_again(session: Session, study_id: UUID, *, actor: str, now: datetime, policy: Policy) -> None:
    """Open a new revision with the active model, although nothing may have changed.

    Raises ``PerfuscopeError`` for a study that has no complete set of screens, with the reason, and for one whose files
    retention has deleted: its result could not be reported, and the PACS would go on showing the older one.
    """
    chosen = [i for i in studies.current_instances(session, study_id) if i.state is InstanceState.PREPARED]
    if any(i.purged_at is not None for i in chosen):
        raise PerfuscopeError("retention has deleted that study's files; a new result could not be reported")
    verdict, _ = completion.requeue(session, study_id, now=now, policy=policy)
    if verdict.reason is not None:
        why = verdict.reason.sentence + (f" ({verdict.detail})" if verdict.detail else "")
        raise PerfuscopeError(f"classifying again cannot help, the study has no complete set of screens: {why}")
    audit.record(session, AuditAction.REQUEUE, actor=actor, now=now, study_id=study_id, detail="classify")


def look_again(session: Session, instance: Instance, *, now: datetime) -> None:
    """Have one object prepared again; PerfuscopeError where retention has deleted its file."""
    if instance.purged_at is not None:
        raise PerfuscopeError("retention has deleted that object's file")
    jobs.ask_again(session, JobStage.PREPARE, subject=instance.id, now=now, ring_again=_AT_ONCE)
    instance.state, instance.reason = InstanceState.RECEIVED, None


def _held(session: Session, instance_id: UUID) -> tuple[Instance, Study]:
    """The object as it is once its study is locked: of two who decide at the same time the first one has.

    Raises ``PerfuscopeError`` for one that was rejected: it does not come back.
    """
    study = studies.locked(session, session.get_one(Instance, instance_id).study_id)
    instance = session.get_one(Instance, instance_id, populate_existing=True)
    if instance.decision is Decision.REJECTED:
        raise PerfuscopeError("that object was rejected before")
    return instance, study


def _follow_what_is_left(session: Session, study: Study) -> None:
    """The study's identity is that of its newest object that counts; a rejected stranger's must not stay."""
    left = [i for i in studies.current_instances(session, study.id) if i.decision is not Decision.REJECTED]
    if left:
        newest = left[-1]
        study.patient_id = newest.patient_id
        study.patient_name = newest.patient_name
        study.patient_birth_date = newest.patient_birth_date
        search.change(session, study)


def _judge_anew(session: Session, study_id: UUID, *, now: datetime, policy: Policy) -> None:
    session.flush()
    studies.reopen(session, study_id, now=now)
    session.expire_all()
    completion.settle(session, study_id, now=now, policy=policy)
