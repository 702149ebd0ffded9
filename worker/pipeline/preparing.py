"""Stage *prepare*: one received screen becomes a de-identified crop, or goes to quarantine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import SELF_TEST_AE
from core.errors import Rejected
from core.jobs import Bell
from core.phi import Phi
from core.types import Decision, InstanceState, Reason
from db import studies
from db.jobs import Claimed
from db.session import Sessions
from db.tables import Instance, ViewImage
from dicom_node import completion, prepare
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.prepare import Listed, Prepared
from dicom_node.rules import DEFAULT_RULES, ViewRule
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

    def work(self, claimed: Claimed) -> Finish:
        """Decode, recognise, crop; what comes of it is written at the end."""
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
        return self._keep(claimed.subject, found, found.crop.png())

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """A screen that nobody could prepare is quarantined."""
        return self._quarantine(claimed.subject, Reason.WORKER_LOST)

    def _keep(self, instance_id: UUID, found: Prepared, png: bytes) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            instance = session.get_one(Instance, instance_id)
            instance.state, instance.reason, instance.judged_at = InstanceState.PREPARED, None, now
            instance.view, instance.rule_rank = found.view, found.rule_rank
            instance.acquired_at = Phi(found.acquired_at)
            instance.view_image_id = _image_of(session, instance, found, png, now=now)
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


def _image_of(session: Session, instance: Instance, found: Prepared, png: bytes, *, now: datetime) -> UUID:
    """The key of this crop; one that was cut before by the same layout is found again."""
    same = select(ViewImage.id).where(
        ViewImage.instance_id == instance.id,
        ViewImage.layout == found.layout_name,
        ViewImage.layout_version == found.layout_version,
        ViewImage.sha256 == found.crop.sha256,
    )
    known = session.scalars(same).one_or_none()
    return known or _new_image(session, instance, found, png, now=now)


def _new_image(session: Session, instance: Instance, found: Prepared, png: bytes, *, now: datetime) -> UUID:
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
    )
    session.add(image)
    return image.id
