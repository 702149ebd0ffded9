"""Stage *reject*: tells a destination that what a newer revision replaced is void, by a Key Object Selection."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.jobs import Bell, JobStage
from core.phi import Phi
from core.settings import Settings
from db import jobs, reports
from db.jobs import Claimed
from db.reports import NewReport
from db.session import Sessions
from db.tables import Case, Report, Study
from dicom_node import report as report_object
from dicom_node.inbox import Inbox
from dicom_node.report import SourceReference
from worker.pipeline.building import stored
from worker.task import Finish

log = logging.getLogger("perfuscope.reject")


class Build(Protocol):
    """Makes the Key Object Selection that rejects objects of one study."""

    def __call__(
        self,
        rejected: Sequence[SourceReference],
        source: Dataset,
        *,
        sop_instance_uid: Phi,
        series_instance_uid: Phi,
        created_at: datetime,
    ) -> Dataset:
        """``source`` is one of the rejected objects; the selection belongs to its patient and study."""


@dataclass(frozen=True, slots=True)
class Rejecting:
    """The stage with what it needs; a job's subject is a superseded case."""

    sessions: Sessions
    inbox: Inbox
    build: Build
    settings: Settings

    def work(self, claimed: Claimed) -> Finish:
        """Build the selection of what was sent anywhere, once, and have it delivered to this destination."""
        with self.sessions.read() as session:
            case = session.get_one(Case, claimed.subject)
            made, rejected = reports.of_case(session, case.id), reports.sent_of(session, case.id)
            now = self.sessions.now(session)
        ready = next((report for report in made if report.kind == reports.REJECTION), None)
        if ready is None and not rejected:
            return _nothing
        new = self._built(case, rejected, now) if ready is None else None
        return self._record(claimed, new)

    def give_up(self, _claimed: Claimed, _code: str) -> Finish:
        """The older revision stays in the PACS; the newer one says what it replaces."""
        return _nothing

    def _built(self, case: Case, rejected: Sequence[Report], now: datetime) -> NewReport:
        headers = [self._header(report) for report in rejected]
        sop_instance_uid, series_instance_uid = (Phi(generate_uid(prefix=None)) for _ in range(2))
        references = [
            SourceReference(str(header.SOPClassUID), report.sop_instance_uid, report.series_instance_uid)
            for report, header in zip(rejected, headers, strict=True)
        ]
        built = self.build(
            references,
            headers[0],
            sop_instance_uid=sop_instance_uid,
            series_instance_uid=series_instance_uid,
            created_at=now.astimezone(report_object.zone_of(headers[0]) or self.settings.report.zone),
        )
        return stored(built, reports.REJECTION, case, self.inbox)

    def _header(self, report: Report) -> Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
            try:
                return pydicom.dcmread(self.inbox.path(report.path), stop_before_pixels=True)
            except OSError:
                raise Unavailable("report_unreadable") from None

    def _record(self, claimed: Claimed, new: NewReport | None) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = session.get_one(Case, claimed.subject)
            session.get_one(Study, case.study_id, with_for_update=True)  # two destinations' jobs make one object
            made = reports.of_case(session, case.id)
            ready = next((report for report in made if report.kind == reports.REJECTION), None)
            if ready is not None and new is not None:
                self.inbox.discard(new.path)
            if ready is None and new is not None:
                ready = reports.add(session, new, now=now)
            if ready is None:
                return []
            bell = jobs.add(
                session,
                JobStage.DELIVER,
                subject=ready.id,
                now=now,
                destination=claimed.destination,
                ring_again=timedelta(seconds=self.settings.ring_again_s),
            )
            return [bell] if bell else []

        return finish


def _nothing(_session: Session, _now: datetime) -> list[Bell]:
    return []
