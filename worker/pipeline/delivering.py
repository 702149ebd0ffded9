"""Stage *deliver*: the stored bytes go to one destination, again and again until it has them."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.errors import Refused, Unavailable
from core.jobs import Bell, JobStage
from core.settings import Settings
from db import audit, cases, jobs, reports, studies
from db.jobs import Claimed
from db.session import Sessions
from db.tables import Case, Job, Report
from dicom_node import scu
from dicom_node.inbox import Inbox
from dicom_node.scu import StoreRefused
from worker.pipeline import routing
from worker.pipeline.talking import Turns
from worker.task import Finish

log = logging.getLogger("perfuscope.deliver")

_FOR_ITS_COMPANIONS = timedelta(seconds=1)
"""How long a request for commitment waits, so that it covers whatever else of the case arrives just then."""


@dataclass(frozen=True, slots=True)
class Delivering:
    """The stage with what it needs."""

    sessions: Sessions
    inbox: Inbox
    settings: Settings

    def work(self, claimed: Claimed) -> Finish:
        """Send, unless a newer revision took the report's place a moment ago."""
        with self.sessions.read() as session:
            report = session.get_one(Report, claimed.subject)
            superseded = session.get_one(Case, report.case_id).superseded_at is not None
            path, kind = report.path, report.kind
        if superseded and kind != reports.REJECTION:
            log.info("report %s is superseded and not sent", claimed.subject)
            return _called_off(claimed)
        self._send(path, claimed)
        log.info("report %s sent to %s", claimed.subject, claimed.destination)
        return self._sent(claimed)

    def give_up(self, claimed: Claimed, code: str) -> Finish:
        """The job row says it: the delivery failed."""

        def finish(session: Session, now: datetime) -> list[Bell]:
            _audit(session, claimed, f"failed {code}", now=now)
            return []

        return finish

    def _send(self, path: str, claimed: Claimed) -> None:
        try:
            data = self.inbox.path(path).read_bytes()
        except OSError:
            raise Unavailable("report_unreadable") from None
        with Turns(self.sessions, self.settings).turn(claimed) as (_, line):
            try:
                scu.send_bytes(data, to=line.to, calling_ae_title=line.calling_ae_title, timeout_s=line.timeout_s)
            except StoreRefused as refused:
                status = "" if refused.status is None else f":{refused.status:04X}"
                raise Refused(f"{refused.code}{status}") from None

    def _sent(self, claimed: Claimed) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            _audit(session, claimed, "sent", now=now)
            report = session.get_one(Report, claimed.subject)
            sender_ae = studies.sender(session, report.study_id)
            if routing.asks_commitment(self.settings, sender_ae, claimed.destination):
                jobs.ask_later(
                    session,
                    JobStage.COMMIT,
                    subject=report.case_id,
                    destination=claimed.destination,
                    now=now,
                    delay=_FOR_ITS_COMPANIONS,
                )
            if self.settings.report.reject_superseded and report.kind != reports.REJECTION:
                self._reject_older(session, report, claimed.destination, now=now)
            return []

        return finish

    @staticmethod
    def _reject_older(session: Session, report: Report, destination: str, *, now: datetime) -> None:
        """What this destination has of older revisions is void, now that it has the new one."""
        own = session.get_one(Case, report.case_id).revision
        older = [case for case in cases.revisions(session, report.study_id) if case.revision < own]
        for case in older:
            if destination not in reports.destinations_of(session, case.id):
                continue
            jobs.ask_later(
                session,
                JobStage.REJECT,
                subject=case.id,
                destination=destination,
                now=now,
                delay=_FOR_ITS_COMPANIONS,
            )


def _called_off(claimed: Claimed) -> Finish:
    def finish(session: Session, now: datetime) -> list[Bell]:
        session.get_one(Job, claimed.id).error = reports.SUPERSEDED
        _audit(session, claimed, reports.SUPERSEDED, now=now)
        return []

    return finish


def _audit(session: Session, claimed: Claimed, code: str, *, now: datetime) -> None:
    report = session.get_one(Report, claimed.subject)
    audit.record_send(session, report, now=now, destination=claimed.destination, code=code)
