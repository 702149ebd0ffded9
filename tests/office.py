"""The outgoing side of Perfuscope inside the test's own process: rows, stages and a clock that the test turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

from node_harness import screen
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from sqlalchemy import delete, select
from ward import Clock

from core.jobs import JobStage, JobState
from core.phi import Phi
from core.settings import Route, Settings
from core.types import Label, Outcome, Stage
from db import cases, reports, results
from db.reports import NewReport
from db.session import Sessions
from db.tables import Case, DestinationState, Job, ModelVersion, Report, Study
from dicom_node.inbox import Inbox
from worker.edge_runtime import outward
from worker.pipeline import routing
from worker.task import Runner

LEASE = timedelta(seconds=30)


@dataclass
class Office:
    """Reports on invented studies go out as the settings say; ``work`` does what is due by the clock."""

    sessions: Sessions
    clock: Clock
    folder: Path
    settings: Settings
    pixels: int = 64
    """Rows and columns of the reports."""

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.folder)
        self.use(self.settings)

    def use(self, settings: Settings) -> None:
        self.settings = settings
        self.runner = Runner(self.sessions, outward(settings, self.sessions, self.inbox), LEASE)

    def clear(self) -> None:
        with self.sessions.write() as session:
            session.execute(delete(Job))
            session.execute(delete(DestinationState))

    def study(self, *, sender_ae: str = "SENDER") -> UUID:
        """A study that was received; its key."""
        now = self.clock.now
        nobody = {
            name: Phi("TEST")
            for name in ("patient_id", "patient_name", "patient_birth_date", "accession_number", "study_date")
        }
        row = Study(
            id=uuid4(),
            study_instance_uid=Phi(generate_uid(prefix=None)),
            sender_ae=sender_ae,
            received_at=now,
            last_received_at=now,
            **nobody,
        )
        with self.sessions.write() as session:
            session.add(row)
        return row.id

    def revision(self, study_id: UUID, kinds: Sequence[str] = ("sc",), label: Label | None = Label.NORMAL) -> UUID:
        """The study's next revision with its reports, on their way; its key."""
        now = self.clock.now
        with self.sessions.write() as session:
            model = session.scalars(select(ModelVersion.id)).first()
            opening = cases.Opening(study_id, uuid4().hex, [], model)
            case = cases.open_revision(session, opening, now=now)
            case.stage, case.label, case.done_at = Stage.DONE, label, now
            case.outcome = Outcome.ACCEPTED if label else Outcome.NO_RESULT
            made = [reports.add(session, self._new(case, kind), now=now) for kind in kinds]
            session.flush()
            routing.deliveries(
                session,
                case,
                made,
                sources=[],
                settings=self.settings,
                now=now,
                ring_again=timedelta(seconds=5),
            )
        return case.id

    def _new(self, case: Case, kind: str) -> NewReport:
        made: Dataset = screen(study=case.study_id.int % 10**9, pixels=self.pixels)
        made.SOPInstanceUID, made.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        buffer, report_id = BytesIO(), uuid4()
        dcmwrite(buffer, made, enforce_file_format=True)
        return NewReport(
            report_id,
            case.study_id,
            case.id,
            kind,
            Phi(made.SOPInstanceUID),
            Phi(made.SeriesInstanceUID),
            self.inbox.write(buffer.getvalue(), report_id),
            "0" * 64,
        )

    def uids(self, case_id: UUID) -> list[str]:
        """SOP Instance UIDs of a revision's reports."""
        with self.sessions.read() as session:
            return [report.sop_instance_uid.reveal() for report in reports.of_case(session, case_id)]

    def read(self, case_id: UUID, kind: str) -> Dataset:
        """The one report of a kind that a revision has."""
        with self.sessions.read() as session:
            (path,) = [report.path for report in reports.of_case(session, case_id) if report.kind == kind]
        return dcmread(self.inbox.path(path))

    def due(self) -> list[UUID]:
        with self.sessions.read() as session:
            waiting = select(Job.id).where(Job.state == JobState.WAITING, Job.due_at <= self.clock.now)
            return list(session.scalars(waiting.order_by(Job.due_at, Job.created_at)))

    def work(self, seconds: float = 0, *, step: float = 1) -> None:
        """Do what is due, now and while the clock turns."""
        end = self.clock.now + timedelta(seconds=seconds)
        while True:
            for job_id in self.due():
                self.runner.run(job_id)
            if self.clock.now >= end:
                return
            self.clock.turn(min(step, (end - self.clock.now).total_seconds()))

    def jobs(self, stage: JobStage = JobStage.DELIVER) -> list[Job]:
        with self.sessions.read() as session:
            return list(session.scalars(select(Job).where(Job.stage == stage).order_by(Job.created_at)))

    def states(self, case_id: UUID) -> dict[tuple[str, str], str]:
        """How the deliveries of a revision stand, by kind and destination."""
        with self.sessions.read() as session:
            old = session.get_one(Case, case_id).superseded_at is not None
            return {
                (report.kind, job.destination): results.report_item(report, job, superseded=old)["state"]
                for report in reports.of_case(session, case_id)
                for job in reports.deliveries(session, report.id)
            }

    def reports(self) -> list[Report]:
        with self.sessions.read() as session:
            return list(session.scalars(select(Report)))


def routes(office: Office, *made: Route, **report: object) -> None:
    """Give the office these routes, and other settings of reports if wanted."""
    said = office.settings.report.model_copy(update=report)
    office.use(office.settings.model_copy(update={"routes": made, "report": said}))


def moved(office: Office, name: str, port: int) -> None:
    """Have a peer listen on another port."""
    peers = tuple(p.model_copy(update={"port": port}) if p.name == name else p for p in office.settings.peers)
    office.use(office.settings.model_copy(update={"peers": peers}))


def without_find(office: Office) -> Settings:
    """The office's settings, with nobody to ask by C-FIND."""
    peers = tuple(peer.model_copy(update={"find": False}) for peer in office.settings.peers)
    return office.settings.model_copy(update={"peers": peers})
