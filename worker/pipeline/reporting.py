"""Stage *report*: a page and a structured report per revision, built once, their bytes stored before the first send."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from core.jobs import Bell
from core.settings import Settings
from core.types import Outcome, Reason, Stage
from db import audit, cases, reports
from db.jobs import Claimed
from db.reports import NewReport
from db.session import Sessions
from db.tables import Case
from worker.pipeline import material, routing
from worker.pipeline.building import Building
from worker.pipeline.material import Material
from worker.task import Finish

log = logging.getLogger("perfuscope.report")


@dataclass(frozen=True, slots=True)
class Reporting:
    """The stage with what it needs."""

    sessions: Sessions
    building: Building
    settings: Settings
    ring_again: timedelta

    def work(self, claimed: Claimed) -> Finish:
        """Build the objects and store their bytes; a case that was superseded or reported already is left alone.

        A case without a result gets them where the settings say so, and where a PACS shows an earlier result.
        """
        with self.sessions.read() as session:
            case = session.get_one(Case, claimed.subject)
            if case.superseded_at is not None or reports.of_case(session, case.id):
                return self._nothing
            found = material.read(session, case)
            kind = reports.page_kind(case)
            page_is_sent = routing.goes_out(session, case, kind, before=found.standing, settings=self.settings)
            now = self.sessions.now(session)
        asked_for = case.outcome is not Outcome.QUARANTINED and self.settings.report.send_no_result
        if case.label is None and found.standing is None and not (asked_for and found.instances):
            return self._end(case.id)
        return self._record(self.building.build(found, now, page_is_sent=page_is_sent), found)

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

    def _record(self, made: Sequence[NewReport], found: Material) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, found.case.id)
            if case is None:
                for new in made:
                    self.building.inbox.discard(new.path)
                return []
            added = [reports.add(session, new, now=now) for new in made]
            _close(session, case, now=now)
            return routing.deliveries(
                session,
                case,
                added,
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
