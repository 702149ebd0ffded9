"""Stage *deliver*: the stored bytes go to one destination, again and again until it has them."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.jobs import Bell
from core.settings import Settings
from db import audit
from db.jobs import Claimed
from db.session import Sessions
from db.tables import Case, Job, Report
from dicom_node import scu
from dicom_node.inbox import Inbox
from dicom_node.scu import Address, StoreRefused
from worker.task import Finish

log = logging.getLogger("perfuscope.deliver")


class Refused(Unavailable):
    """The destination will not take this object; said again later all the same, since its settings may change."""


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
            path = report.path
        if superseded:
            log.info("report %s is superseded and not sent", claimed.subject)
            return _note(claimed, "superseded")
        self._send(path, claimed.destination)
        log.info("report %s sent to %s", claimed.subject, claimed.destination)
        return _note(claimed, None)

    def give_up(self, claimed: Claimed, code: str) -> Finish:
        """The job row says it: the delivery failed."""

        def finish(session: Session, now: datetime) -> list[Bell]:
            _audit(session, claimed, f"failed {code}", now=now)
            return []

        return finish

    def _send(self, path: str, destination: str) -> None:
        peer = self.settings.peer_named(destination)
        if peer is None:
            raise Unavailable("peer_not_configured")
        try:
            data = self.inbox.path(path).read_bytes()
        except OSError:
            raise Unavailable("report_unreadable") from None
        try:
            scu.send_bytes(
                data,
                to=Address(peer.ae_title, peer.host, peer.port),
                calling_ae_title=self.settings.ae_title,
                timeout_s=self.settings.report.timeout_s,
            )
        except StoreRefused as refused:
            raise Refused(refused.code) from None


def _note(claimed: Claimed, note: str | None) -> Finish:
    def finish(session: Session, now: datetime) -> list[Bell]:
        session.get_one(Job, claimed.id).error = note
        _audit(session, claimed, note or "sent", now=now)
        return []

    return finish


def _audit(session: Session, claimed: Claimed, code: str, *, now: datetime) -> None:
    report = session.get_one(Report, claimed.subject)
    audit.record_send(session, report, now=now, destination=claimed.destination, code=code)
