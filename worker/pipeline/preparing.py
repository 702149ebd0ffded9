"""Stage *prepare*: one received screen becomes a de-identified crop, or goes to quarantine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import SELF_TEST_AE
from core.errors import Rejected, Unavailable
from core.jobs import Bell
from core.phi import Phi
from core.types import Decision, InstanceState, Reason
from db import layout_states, studies
from db.jobs import Claimed
from db.layout_states import LayoutKey, Standing
from db.session import Sessions
from db.tables import Instance, ViewImage
from dicom_node import completion, layout_decisions, prepare
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.prepare import Listed, Prepared
from dicom_node.rules import DEFAULT_RULES, ViewRule
from worker.pipeline.checking import Checked, Checking
from worker.task import Finish

log = logging.getLogger("perfuscope.prepare")


@dataclass(frozen=True, slots=True)
class Preparing:
    """The stage with what it needs."""

    sessions: Sessions
    inbox: Inbox
    layouts: Sequence[Layout]
    rules: Sequence[ViewRule]
    policy: Policy
    checking: Checking

    def work(self, claimed: Claimed) -> Finish:
        """Decode, recognise, crop, read for text if asked to; what comes of it is written at the end."""
        with self.sessions.read() as session:
            instance = session.get_one(Instance, claimed.subject)
        path, sender_ae = self.inbox.path(instance.path), instance.sender_ae
        try:
            rules = DEFAULT_RULES if sender_ae == SELF_TEST_AE else self.rules
            found = prepare.prepare(path, layouts=self.layouts, rules=rules, sender_ae=sender_ae)
        except Rejected as rejected:
            log.warning("instance %s quarantined: %s", claimed.subject, rejected.reason.value)
            return self._quarantine(claimed.subject, rejected.reason)
        if isinstance(found, Listed):
            return self._list(claimed.subject, found)
        checked = self._check(instance, found)
        if checked.reason is not None:
            return self._hold_back(claimed.subject, found, checked)
        return self._keep(claimed.subject, found, found.crop.png(), checked)

    def _check(self, instance: Instance, found: Prepared) -> Checked:
        with self.sessions.read() as session:
            standing = layout_states.standing(session, layout_decisions.key(found.layout))
        return self.checking.look(found, instance, standing, one_patient=_declared_one_patient(instance))

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """A screen that nobody could prepare is quarantined."""
        return self._quarantine(claimed.subject, Reason.WORKER_LOST)

    def _keep(self, instance_id: UUID, found: Prepared, png: bytes, checked: Checked) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            instance = session.get_one(Instance, instance_id)
            if not _may_be_kept(session, instance, layout_decisions.key(found.layout), checked, now=now):
                return self._quarantine(instance_id, Reason.LAYOUT_SUSPENDED)(session, now)
            instance.checks = checked.record
            instance.state, instance.reason, instance.judged_at = InstanceState.PREPARED, None, now
            instance.view, instance.rule_rank = found.view, found.rule_rank
            instance.acquired_at = Phi(found.acquired_at)
            instance.view_image_id = _image_of(session, instance, found, png, checked.record, now=now)
            session.flush()
            return self._settle(session, instance.study_id, now=now)

        return finish

    def _list(self, instance_id: UUID, found: Listed) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            instance = session.get_one(Instance, instance_id)
            instance.state, instance.reason, instance.judged_at = InstanceState.LISTED, found.reason, now
            instance.acquired_at, instance.view_image_id = Phi(found.acquired_at), None
            session.flush()
            return self._settle(session, instance.study_id, now=now)

        return finish

    def _hold_back(self, instance_id: UUID, found: Prepared, checked: Checked) -> Finish:
        """To quarantine; a text inside what the layout keeps also suspends the layout."""
        reason = checked.reason or Reason.NOT_CHECKED
        log.warning("instance %s quarantined: %s", instance_id, reason.value)

        def finish(session: Session, now: datetime) -> list[Bell]:
            instance = session.get_one(Instance, instance_id)
            instance.checks = checked.record or instance.checks
            if reason is Reason.TEXT_FOUND:
                layout_decisions.suspend(
                    session, found.layout, study_id=instance.study_id, subject=instance_id, now=now
                )
            return self._quarantine(instance_id, reason)(session, now)

        return finish

    def _quarantine(self, instance_id: UUID, reason: Reason) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            instance = session.get_one(Instance, instance_id)
            instance.state, instance.reason, instance.judged_at = InstanceState.QUARANTINED, reason, now
            instance.view_image_id = None
            if instance.decision is Decision.RELEASED:
                instance.decision = None  # it did not help; somebody is to decide anew
            session.flush()
            return self._settle(session, instance.study_id, now=now)

        return finish

    def _settle(self, session: Session, study_id: UUID, *, now: datetime) -> list[Bell]:
        studies.reopen(session, study_id, now=now)  # it may have been settled without this object
        bell = completion.settle(session, study_id, now=now, policy=self.policy)
        return [bell] if bell else []


def _declared_one_patient(instance: Instance) -> bool:
    """Whether an administrator released the object although, or because, another patient was read off it."""
    read = (instance.checks or {}).get("identity")
    return instance.decision is Decision.RELEASED and isinstance(read, dict) and read.get("outcome") == "mismatch"


def _may_be_kept(session: Session, instance: Instance, layout: LayoutKey, checked: Checked, *, now: datetime) -> bool:
    """Whether the layout still stands where it did when the screen was looked at; its probation counts each once.

    Raises Unavailable, so that the screen is looked at anew, where the layout was trusted then and is on probation now.
    """
    standing = layout_states.standing(session, layout)
    if checked.trusting and standing is Standing.PROBATION:
        raise Unavailable("layout_on_probation_anew")
    if standing is Standing.PROBATION and checked.counts and instance.checks is None:
        standing = layout_states.passed(session, layout, now=now)
    return standing is not Standing.SUSPENDED


def _image_of(
    session: Session, instance: Instance, found: Prepared, png: bytes, checks: dict[str, Any], *, now: datetime
) -> UUID:
    """The key of this crop; one that was cut before by the same layout is found again."""
    same = select(ViewImage).where(
        ViewImage.instance_id == instance.id,
        ViewImage.layout == found.layout_name,
        ViewImage.layout_version == found.layout_version,
        ViewImage.sha256 == found.crop.sha256,
    )
    known = session.scalars(same).one_or_none()
    if known is None:
        return _new_image(session, instance, found, png, checks, now=now)
    if known.maps is None:  # cut by a release that did not keep them
        known.maps = found.maps.as_json()
    return known.id


def _new_image(
    session: Session, instance: Instance, found: Prepared, png: bytes, checks: dict[str, Any], *, now: datetime
) -> UUID:
    image = ViewImage(
        id=uuid4(),
        instance_id=instance.id,
        study_id=instance.study_id,
        view=found.view,
        layout=found.layout_name,
        layout_version=found.layout_version,
        sha256=found.crop.sha256,
        png=png,
        created_at=now,
        checks=checks,
        maps=found.maps.as_json(),
    )
    session.add(image)
    return image.id
