"""A case's page and structured report are stored together before anything is sent, once, and refer to each other."""

import hashlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from sqlalchemy import select, update
from studies import simulated
from ward import LEASE, Ward

from core.jobs import JobStage, JobState
from core.settings import Settings
from core.types import REQUIRED_VIEWS, Label, Probabilities, Status, StudyPrediction
from db import cases, jobs, reports
from db.tables import Case, Job, Report, ViewImage
from dicom_node.inbox import Inbox
from worker.pipeline.building import Building
from worker.pipeline.reporting import Reporting

PEER = {"name": "pacs", "ae_title": "TESTPACS"}


class Desk:
    """The report stage on a ward: ``work`` does a case's report job."""

    def __init__(self, ward: Ward, folder: Path, **settings) -> None:
        self.ward, self.settings = ward, Settings(home=folder, peers=[PEER], **settings)
        folder.mkdir(exist_ok=True)
        self.inbox = Inbox(folder)
        simulated()[0].save_as(self.inbox.path("x"), enforce_file_format=True)
        self.stage = Reporting(
            ward.sessions, Building(self.inbox, (), self.settings.report), self.settings, timedelta(seconds=5)
        )

    def result(self, label: Label = Label.NORMAL) -> Case:
        """The live revision has a result, and its report is due."""
        buffer = BytesIO()
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "PNG")
        shares = {one.value: 0.8 if one is label else 0.1 for one in Label}
        said = StudyPrediction(Probabilities(**shares), Status.ACCEPTED, {}, 20.0)
        with self.ward.sessions.write() as session:
            session.execute(update(ViewImage).values(png=buffer.getvalue()))
            case = session.get_one(Case, self.ward.live().id)
            cases.record(session, case, said, preprocessing="1", now=self.ward.clock.now)
            self.due(session, case)
        return case

    def due(self, session, case: Case) -> None:
        jobs.add(session, JobStage.REPORT, subject=case.id, now=self.ward.clock.now, ring_again=LEASE)

    def work(self) -> list[Report]:
        """Every report job that waits is done; all the reports there are."""
        for job in self.ward.jobs(JobStage.REPORT):
            if job.state is JobState.WAITING:
                self._do(job)
        return self.made()

    def again(self, case: Case) -> list[Report]:
        """A second worker had the case's job at the same time, and both have built."""
        claimed = jobs.Claimed(**dict.fromkeys(jobs.Claimed.__dataclass_fields__) | {"subject": case.id})
        with self.ward.sessions.write() as session:
            self.stage.work(claimed)(session, self.ward.clock.now)
        return self.made()

    def _do(self, job: Job) -> None:
        now = self.ward.clock.now
        with self.ward.sessions.write() as session:
            claimed = jobs.claim(session, job.id, now=now, lease=LEASE)
        finish = self.stage.work(claimed)
        assert self.ward.jobs(JobStage.DELIVER) == [] or self.made()
        with self.ward.sessions.write() as session:
            assert jobs.finish(session, claimed, now=now)
            finish(session, now)

    def made(self) -> list[Report]:
        with self.ward.sessions.read() as session:
            return list(session.scalars(select(Report).order_by(Report.created_at, Report.kind)))

    def sent(self) -> None:
        """What waits to be delivered is there."""
        with self.ward.sessions.write() as session:
            for job in session.scalars(select(Job).where(Job.stage == JobStage.DELIVER)):
                job.attempts, job.state = 1, JobState.DONE

    def read(self, report: Report):
        data = self.inbox.path(report.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == report.sha256
        return dcmread(BytesIO(data))

    def deliveries(self) -> list[tuple[str, str]]:
        kinds = {report.id: report.kind for report in self.made()}
        return sorted((kinds[job.subject], job.destination) for job in self.ward.jobs(JobStage.DELIVER))


@pytest.fixture
def desk(ward: Ward, tmp_path: Path) -> Desk:
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    return Desk(ward, tmp_path / "home")


def late_view(ward: Ward) -> None:
    ward.prepared(ward.arrive("1.1.9", "a later screen"), REQUIRED_VIEWS[0], "other pixels", acquired="20260103080000")


def test_both_are_stored_with_their_bytes_when_their_deliveries_begin(desk):
    desk.result()
    page, structured = desk.work()
    assert (page.kind, structured.kind) == (reports.PAGE, reports.STRUCTURED)
    for report in (page, structured):
        ds = desk.read(report)
        assert ds.SOPInstanceUID == report.sop_instance_uid.reveal()
        assert ds.SeriesInstanceUID == report.series_instance_uid.reveal()
    assert desk.deliveries() == [("sc", "pacs"), ("sr", "pacs")]


def test_the_structured_report_names_the_page_as_evidence(desk):
    desk.result()
    page, structured = desk.work()
    (study,) = desk.read(structured).CurrentRequestedProcedureEvidenceSequence
    named = {
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert named == {page.sop_instance_uid.reveal(), "1.1.0", "1.1.1", "1.1.2"}


def test_a_page_that_goes_nowhere_is_no_evidence(ward, tmp_path):
    """Whoever gets the structured report alone could look for it nowhere."""
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    desk = Desk(ward, tmp_path / "home", routes=[{"destinations": ["pacs"], "kinds": ["sr"]}])
    desk.result()
    page, structured = desk.work()
    assert desk.deliveries() == [("sr", "pacs")]
    assert page.sop_instance_uid.reveal() not in str(desk.read(structured))


def test_a_case_that_has_its_reports_gets_no_others(desk):
    case = desk.result()
    first = {(r.id, r.sha256) for r in desk.work()}
    assert {(r.id, r.sha256) for r in desk.again(case)} == first
    assert len(desk.ward.jobs(JobStage.DELIVER)) == 2


def test_what_was_built_for_a_case_that_is_superseded_meanwhile_is_thrown_away(desk):
    desk.result()
    (job,) = desk.ward.jobs(JobStage.REPORT)
    with desk.ward.sessions.write() as session:
        claimed = jobs.claim(session, job.id, now=desk.ward.clock.now, lease=LEASE)
    finish = desk.stage.work(claimed)
    late_view(desk.ward)
    with desk.ward.sessions.write() as session:
        finish(session, desk.ward.clock.now)
    assert desk.made() == []
    assert not list(desk.inbox.path(".").rglob("*.dcm"))


def test_a_revision_names_the_structured_report_that_it_replaces(desk):
    desk.result()
    before = desk.work()[1]
    desk.sent()
    late_view(desk.ward)
    desk.result(Label.ISCHEMIA)
    after = desk.work()[-1]
    (study,) = desk.read(after).PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (named,) = series.ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == before.sop_instance_uid.reveal()
    assert named.ReferencedSOPClassUID == desk.read(before).SOPClassUID
    assert series.SeriesInstanceUID == before.series_instance_uid.reveal()


def test_a_report_that_nobody_has_is_no_predecessor(desk):
    desk.result()
    desk.work()
    late_view(desk.ward)
    desk.result(Label.ISCHEMIA)
    assert "PredecessorDocumentsSequence" not in desk.read(desk.work()[-1])


@pytest.mark.parametrize("kinds", [("sc",), ("sr",), ("sc", "sr")])
def test_what_takes_a_result_back_goes_where_its_like_went(ward, tmp_path, kinds):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    desk = Desk(ward, tmp_path / "home", routes=[{"destinations": ["pacs"], "kinds": [*kinds]}])
    desk.result()
    desk.work()
    assert desk.deliveries() == [(kind, "pacs") for kind in kinds]
    desk.sent()
    ward.prepared(ward.arrive("1.1.9"), REQUIRED_VIEWS[0], "an equal candidate")
    ward.clock.turn(30)
    ward.tick()
    assert ward.live().label is None
    desk.work()
    follows = {"sc": "notice", "sr": "sr"}
    assert desk.deliveries() == sorted((kind, "pacs") for sent in kinds for kind in (sent, follows[sent]))
    with ward.sessions.read() as session:
        latest = {r.kind for r in reports.of_case(session, ward.live().id)}
    assert latest == {"notice", "sr"}
