"""Reports: built once, found again by UID. Nothing here commits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import JobStage, JobState
from core.phi import Phi
from db.tables import Case, Job, Report

PAGE = "sc"
"""Kind of the page with a result."""

NOTICE = "notice"
"""Kind of a page that says why there is no result."""

STRUCTURED = "sr"
"""Kind of the structured report beside a page of either kind."""

REJECTION = "kos"
"""Kind of what marks an older revision's objects as rejected; it belongs to that older revision."""

EVERY_KIND = (PAGE, NOTICE, STRUCTURED)
"""What says something of a study."""

NO_DESTINATION = "no_destination"
"""What a report says that goes nowhere."""

COMMITTED, UNCONFIRMED, SUPERSEDED, FOUND = "committed", "unconfirmed", "superseded", "found_by_query"
"""What a delivery that is done says beside that it was sent."""

_WORST_FIRST = ("failed", "waiting", UNCONFIRMED, "sent", COMMITTED, SUPERSEDED, NO_DESTINATION)
"""The order of the admins' view ``v_results``."""


@dataclass(frozen=True, slots=True)
class NewReport:
    """A built report whose bytes are in the store."""

    id: UUID
    study_id: UUID
    case_id: UUID
    kind: str
    sop_instance_uid: Phi
    series_instance_uid: Phi
    path: str
    sha256: str

    def __repr__(self) -> str:
        return f"NewReport(id={self.id})"


def add(session: Session, report: NewReport, *, now: datetime) -> Report:
    """Write the report down, before it is sent for the first time; its row."""
    row = Report(
        id=report.id,
        study_id=report.study_id,
        case_id=report.case_id,
        kind=report.kind,
        sop_instance_uid=report.sop_instance_uid,
        series_instance_uid=report.series_instance_uid,
        path=report.path,
        sha256=report.sha256,
        created_at=now,
    )
    session.add(row)
    return row


def page_kind(case: Case) -> str:
    """The kind of the page on a case."""
    return NOTICE if case.label is None else PAGE


def is_known(session: Session, sop_instance_uid: Phi) -> bool:
    """Whether an object is one of our own reports."""
    return session.scalar(select(Report.id).where(Report.sop_instance_uid == sop_instance_uid)) is not None


def of_case(session: Session, case_id: UUID) -> list[Report]:
    """The reports of a case."""
    return list(session.scalars(select(Report).where(Report.case_id == case_id).order_by(Report.kind)))


@dataclass(frozen=True, slots=True)
class Standing:
    """A result that a PACS shows, or may show."""

    case: Case
    report: Report
    destination: str


def standing(session: Session, case: Case) -> Standing | None:
    """The newest earlier revision's result that still stands in a PACS, as far as can be known.

    A delivery that was tried counts, even if nobody knows how it ended. A later report without a result, once it was
    sent for sure, has taken back what that destination had of its kind, and nothing elsewhere. The deliveries are
    locked: one that begins meanwhile waits until the caller has committed, and then sees that its revision is
    superseded.
    """
    statement = (
        select(Case, Report, Job)
        .join(Report, Report.case_id == Case.id)
        .join(Job, Job.subject == Report.id)
        .where(Case.study_id == case.study_id, Case.revision < case.revision, Job.stage == JobStage.DELIVER)
        .order_by(Case.revision.desc(), Report.created_at.desc())
        .with_for_update(of=Job)
    )
    taken_back = set()
    for earlier, report, job in session.execute(statement):
        what = job.destination, report.kind == STRUCTURED
        says_a_result = report.kind == PAGE or (report.kind == STRUCTURED and earlier.label is not None)
        if says_a_result and _tried(job) and what not in taken_back:
            return Standing(earlier, report, job.destination)
        if not says_a_result and report.kind != REJECTION and has_arrived(job):
            taken_back.add(what)
    return None


def sent_of(session: Session, case_id: UUID, *, kinds: Collection[str] = EVERY_KIND) -> list[Report]:
    """The revision's reports of some kinds that any destination may have, in the order of kinds."""
    statement = (
        select(Report, Job)
        .join(Job, Job.subject == Report.id)
        .where(Report.case_id == case_id, Report.kind.in_(kinds), Job.stage == JobStage.DELIVER)
        .order_by(Report.kind)
    )
    return list({report.id: report for report, job in session.execute(statement) if _tried(job)}.values())


def _tried(job: Job) -> bool:
    called_off = job.attempts == 1 and delivery_state(job) == "superseded"
    return job.attempts > 0 and not called_off


def deliveries(session: Session, report_id: UUID) -> list[Job]:
    """The delivery of a report to each destination."""
    return list(session.scalars(select(Job).where(Job.subject == report_id, Job.stage == JobStage.DELIVER)))


def delivery_state(job: Job, *, superseded: bool = False) -> str:
    """``waiting``, ``sent``, ``committed``, ``unconfirmed``, ``failed`` or ``superseded``.

    ``superseded``: a newer revision has taken the place of the report's; then what was sent is that, too.
    """
    return SUPERSEDED if superseded and job.state is JobState.DONE else delivery_word(job.state, job.error)


def delivery_word(state: JobState, error: str | None) -> str:
    """The same of a delivery's state and code."""
    if state is JobState.DONE:
        return error if error in {COMMITTED, UNCONFIRMED, SUPERSEDED} else "sent"
    return "failed" if state is JobState.DEAD else "waiting"


def how_they_stand(states: Collection[str]) -> list[str]:
    """The states of a revision's deliveries, each once, the worst first.

    One that is routed nowhere counts only where every one is.
    """
    return sorted(set(states) - {NO_DESTINATION} or set(states), key=_WORST_FIRST.index)


def has_arrived(job: Job) -> bool:
    """Whether the destination has taken the report."""
    return job.state is JobState.DONE and job.error in {None, COMMITTED, UNCONFIRMED, FOUND}


def destinations_of(session: Session, case_id: UUID, *, kinds: Collection[str] = EVERY_KIND) -> list[str]:
    """Where a revision's objects of some kinds may be, in the order of names: every delivery that was tried counts."""
    statement = (
        select(Job)
        .join(Report, Report.id == Job.subject)
        .where(Report.case_id == case_id, Report.kind.in_(kinds), Job.stage == JobStage.DELIVER)
    )
    return sorted({job.destination for job in session.scalars(statement) if _tried(job)})
