"""Stages *commit* and *confirm*: a destination is asked to store for good what it was sent, and looked after later."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydicom.filereader import read_file_meta_info
from pydicom.uid import generate_uid
from sqlalchemy.orm import Session

from core.errors import Refused, Unavailable
from core.jobs import Bell, JobStage
from core.phi import Phi
from core.settings import Settings
from db import commitments, jobs
from db.commitments import Asked
from db.jobs import Claimed
from db.session import Sessions
from db.tables import CommitmentItem, Report, Study
from dicom_node import commitment
from dicom_node.commitment_answers import Answers
from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.inbox import Inbox
from dicom_node.scu_outcome import CONTEXT_REFUSED
from worker.pipeline.talking import Turns
from worker.task import Finish

log = logging.getLogger("perfuscope.commit")

_LINGER_S = 2.0
"""How long the association is kept open for an answer by it."""
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Committing:
    """The stage *commit*; a job's subject is a case."""

    sessions: Sessions
    inbox: Inbox
    settings: Settings
    linger_s: float = _LINGER_S

    def work(self, claimed: Claimed) -> Finish:
        """Ask about all of the case's reports that the destination has and was not asked about, by one request."""
        with self.sessions.read() as session:
            found = commitments.to_ask(session, claimed.subject, claimed.destination)
            items = [self._item(report) for report in found]
        if not items:
            return self._asked(claimed, None)
        with Turns(self.sessions, self.settings).turn(claimed) as (_, line):
            transaction_uid = Phi(generate_uid(prefix=None))
            request = self._write_down(claimed, items, transaction_uid)
            answers = Answers(self.sessions, most=self.settings.report.commitment_attempts)
            try:
                commitment.ask(line, items, transaction_uid=transaction_uid, answers=answers, linger_s=self.linger_s)
            except Refused as refused:
                log.warning("%s refuses requests for commitment: %s", claimed.destination, refused.code)
                return self._unconfirmed(claimed, request)
            except Unavailable as unavailable:
                if unavailable.code != CONTEXT_REFUSED:
                    raise
                log.warning("%s offers no storage commitment", claimed.destination)
                return self._unconfirmed(claimed, request)
        return self._asked(claimed, request)

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """What could not be asked about is unconfirmed."""
        return self._unconfirmed(claimed, None)

    def _item(self, report: Report) -> Asked:
        try:
            meta = read_file_meta_info(self.inbox.path(report.path))
            sop_class_uid = str(meta.MediaStorageSOPClassUID)
        except (OSError, *PYDICOM_ERRORS):
            raise Unavailable("report_unreadable") from None
        return Asked(sop_class_uid, report.sop_instance_uid, report.id)

    def _write_down(self, claimed: Claimed, items: Sequence[Asked], transaction_uid: Phi) -> UUID:
        """The request. What no destination has taken in the end is asked about anew, by the next attempt."""
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            return commitments.begin(
                session,
                items,
                transaction_uid=transaction_uid,
                destination=claimed.destination,
                case_id=claimed.subject,
                now=now,
            )

    def _asked(self, claimed: Claimed, request: UUID | None) -> Finish:
        """A job looks after the request when the time for an answer is over; what arrived meanwhile is asked about."""
        patience = timedelta(seconds=self.settings.report.commitment_timeout_s)

        def finish(session: Session, now: datetime) -> list[Bell]:
            if request is not None and commitments.made(session, request):
                jobs.ask_later(
                    session, JobStage.CONFIRM, subject=request, destination=claimed.destination, now=now, delay=patience
                )
            if commitments.to_ask(session, claimed.subject, claimed.destination):
                jobs.ask_later(
                    session,
                    JobStage.COMMIT,
                    subject=claimed.subject,
                    destination=claimed.destination,
                    now=now,
                    delay=_SOON,
                )
            return []

        return finish

    def _unconfirmed(self, claimed: Claimed, request: UUID | None) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            if request is not None:
                commitments.give_up(session, commitments.locked(session, request), found=frozenset(), now=now)
            left = commitments.to_ask(session, claimed.subject, claimed.destination)
            commitments.leave_unconfirmed(session, left, claimed.destination)
            return []

        return finish


@dataclass(frozen=True, slots=True)
class Confirming:
    """The stage *confirm*; a job's subject is a request for commitment."""

    sessions: Sessions
    settings: Settings

    def work(self, claimed: Claimed) -> Finish:
        """Where no answer came, look whether the destination lists the objects, or leave them unconfirmed."""
        with self.sessions.read() as session:
            left = commitments.items(session, claimed.subject, states=[commitments.ASKED])
            places = [self._place(session, item) for item in left if item.report_id is not None]
        peer = self.settings.peer_named(claimed.destination)
        if not places or peer is None or not peer.find:
            return self._end(claimed, frozenset(), frozenset())
        with Turns(self.sessions, self.settings).turn(claimed) as (_, line):
            listed = {
                place.instance: commitment.holds(line, study=place.study, series=place.series, instance=place.instance)
                for place in places
            }
        found = frozenset(instance for instance, there in listed.items() if there)
        return self._end(claimed, found, frozenset(listed) - found)

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """What could not be looked for is unconfirmed."""
        return self._end(claimed, frozenset(), frozenset())

    def _end(self, claimed: Claimed, found: frozenset[Phi], missing: frozenset[Phi]) -> Finish:
        """What the destination does not list is sent again; the rest is unconfirmed, or was found."""
        most = self.settings.report.commitment_attempts

        def finish(session: Session, now: datetime) -> list[Bell]:
            request = commitments.locked(session, claimed.subject)
            answer = commitments.Answer(frozenset(), dict.fromkeys(missing, commitments.NOT_FOUND))
            commitments.apply(session, request, answer, most=most, now=now)
            commitments.give_up(session, request, found=found, now=now)
            return []

        return finish

    @staticmethod
    def _place(session: Session, item: CommitmentItem) -> "_Place":
        report = session.get_one(Report, item.report_id)
        study = session.get_one(Study, report.study_id)
        return _Place(study.study_instance_uid, report.series_instance_uid, report.sop_instance_uid)


@dataclass(frozen=True, slots=True)
class _Place:
    study: Phi
    series: Phi
    instance: Phi

    def __repr__(self) -> str:
        return "_Place(...)"
