"""Stage *report*: one page per revision, built once; its bytes and UIDs are stored before the first send."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pydicom.uid import generate_uid
from sqlalchemy.orm import Session

from core.jobs import Bell
from core.phi import Phi
from core.settings import Settings
from core.types import Outcome, Reason, Stage
from db import audit, cases, reports
from db.jobs import Claimed
from db.reports import NewReport
from db.session import Sessions
from db.tables import Case
from dicom_node import report
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.report import SourceReference
from worker.pipeline import material, routing
from worker.pipeline.material import Material
from worker.task import Finish

log = logging.getLogger("perfuscope.report")


@dataclass(frozen=True, slots=True)
class Reporting:
    """The stage with what it needs."""

    sessions: Sessions
    inbox: Inbox
    layouts: Sequence[Layout]
    settings: Settings
    ring_again: timedelta

    def work(self, claimed: Claimed) -> Finish:
        """Build the page and store its bytes; a case that was superseded or reported already is left alone.

        A case without a result gets a page where the settings say so, and where a PACS shows an earlier result.
        """
        with self.sessions.read() as session:
            case = session.get_one(Case, claimed.subject)
            kind = reports.NOTICE if case.label is None else reports.PAGE
            if case.superseded_at is not None or kind in {r.kind for r in reports.of_case(session, case.id)}:
                return self._nothing
            found = material.read(session, case)
            now = self.sessions.now(session)
        asked_for = case.outcome is not Outcome.QUARANTINED and self.settings.report.send_no_result
        if case.label is None and found.standing is None and not (asked_for and found.instances):
            return self._end(case.id)
        return self._record(self._build(found, now), found)

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """The result stands, without a report."""
        return self._end(claimed.subject)

    @staticmethod
    def _end(case_id: UUID) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, case_id)
            if case is not None:
                _close(session, case, now=now)
            return []

        return finish

    def _build(self, found: Material, now: datetime) -> NewReport:
        header = material.header(found, self.inbox)
        local = now.astimezone(report.zone_of(header) or self._zone())
        sop_instance_uid, series_instance_uid = (Phi(generate_uid(prefix=None)) for _ in range(2))
        built = report.build_secondary_capture(
            material.content(found, header, self.layouts, local),
            header,
            [SourceReference(i.sop_class_uid, i.sop_instance_uid, i.series_instance_uid) for i in found.instances],
            sop_instance_uid=sop_instance_uid,
            series_instance_uid=series_instance_uid,
            created_at=local,
        )
        data = report.to_bytes(built)
        report_id = uuid4()
        return NewReport(
            id=report_id,
            study_id=found.study.id,
            case_id=found.case.id,
            kind=reports.NOTICE if found.case.label is None else reports.PAGE,
            sop_instance_uid=sop_instance_uid,
            series_instance_uid=series_instance_uid,
            path=self.inbox.write(data, report_id),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def _zone(self) -> tzinfo | None:
        """The zone that a report's times are written in, where the source names none; None is this machine's."""
        name = self.settings.report.timezone
        return None if name == "local" else ZoneInfo(name)

    def _record(self, new: NewReport, found: Material) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, new.case_id)
            if case is None:
                self.inbox.discard(new.path)
                return []
            added = reports.add(session, new, now=now)
            _close(session, case, now=now)
            return routing.deliveries(
                session,
                case,
                [added],
                sources=found.instances,
                settings=self.settings,
                now=now,
                ring_again=self.ring_again,
            )

        return finish

    @staticmethod
    def _nothing(_session: Session, _now: datetime) -> list[Bell]:
        return []


def _close(session: Session, case: Case, *, now: datetime) -> None:
    """The revision is done. What an inference worker made of it goes into the audit trail here: it may not write there.

    Revisions that ended when they were opened stand in the trail already.
    """
    if case.label is not None or (case.outcome is Outcome.NO_RESULT and case.reason in _ENDED_IN_INFERENCE):
        audit.record_result(session, case, now=now)
    case.stage, case.done_at = Stage.DONE, case.done_at or now


_ENDED_IN_INFERENCE = {Reason.WORKER_LOST, Reason.MODEL_MISSING, Reason.MAPS_MISSING, Reason.NOVEL}
