"""The shell around every stage: at least once done, effective once, and it never raises."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from ward import MAPS

from core.errors import Rejected, Unavailable
from core.jobs import Bell, JobStage, JobState, Queue
from core.types import REQUIRED_VIEWS, Novelty, Outcome, Probabilities, Reason, Stage, Status, StudyPrediction, View
from db import cases, jobs
from db.session import database_clock
from db.tables import Case, Job, Study, ViewImage
from dicom_node import decisions
from worker.pipeline.classifying import Classifying
from worker.task import Runner, StageWork

LEASE = timedelta(seconds=30)
CANARY = "TESTPATIENT^CANARY"


class Work:
    """A stage whose work does what the test says; keeps what was done and what was written."""

    def __init__(self, does=lambda _claimed: None) -> None:
        self.does = does
        self.done = 0
        self.written: list[str] = []

    def work(self, claimed):
        self.done += 1
        self.does(claimed)
        return self._finish("result")

    def give_up(self, _claimed, code):
        return self._finish(f"given up: {code}")

    def _finish(self, word):
        def finish(_session, _now):
            self.written.append(word)
            return [Bell(uuid4(), Queue.EDGE)] if word == "result" else []

        return finish


def raising(error: Exception):
    def does(_claimed):
        raise error

    return does


class Shop:
    """One job and a runner for it."""

    def __init__(self, sessions, clock) -> None:
        self.sessions, self.clock = sessions, clock
        self.work = Work()
        with sessions.write() as session:
            bell = jobs.add(
                session, JobStage.PREPARE, subject=uuid4(), now=sessions.now(session), ring_again=timedelta(seconds=5)
            )
        self.job_id: UUID = bell.job_id

    def run(self, *, max_attempts: int = 3, lease: timedelta = LEASE) -> list[Bell]:
        stage = StageWork(self.work.work, self.work.give_up, max_attempts)
        return Runner(self.sessions, {JobStage.PREPARE: stage}, lease).run(self.job_id)

    @property
    def job(self) -> Job:
        with self.sessions.read() as session:
            return session.get_one(Job, self.job_id)

    def until_buried(self) -> list[float]:
        """Run the job whenever it is due; the waits in between, in seconds."""
        waits = []
        while True:
            self.run()
            job = self.job
            if job.state is JobState.DEAD:
                return waits
            waits.append((job.due_at - self.clock.now).total_seconds())
            assert self.run() == [], "not due yet"
            self.clock.now = job.due_at


@pytest.fixture
def shop(sessions_by_clock, clock) -> Shop:
    return Shop(sessions_by_clock, clock)


def test_a_job_done_once_is_done_and_its_bells_are_handed_back(shop):
    assert len(shop.run()) == 1
    assert shop.job.state is JobState.DONE
    assert shop.run() == []
    assert (shop.work.done, shop.work.written) == (1, ["result"])


def test_what_is_unavailable_is_tried_again_with_back_off_then_buried(shop):
    shop.work.does = raising(Unavailable("peer_away"))
    assert shop.until_buried() == [1, 2]
    assert (shop.job.error, shop.job.attempts) == ("peer_away", 3)
    assert shop.work.written == ["given up: peer_away"]


def test_the_wait_between_attempts_is_capped(shop, clock):
    shop.work.does = raising(Unavailable("peer_away"))
    for _ in range(15):
        shop.run(max_attempts=100)
        clock.now = shop.job.due_at
    shop.run(max_attempts=100)
    assert shop.job.due_at - clock.now == timedelta(minutes=5)


def test_what_is_rejected_is_buried_at_once_with_its_reason(shop):
    shop.work.does = raising(Rejected(Reason.UNDECODABLE))
    assert shop.run() == []
    assert (shop.job.state, shop.job.error, shop.job.attempts) == (JobState.DEAD, "undecodable_pixels", 1)
    assert shop.work.written == ["given up: undecodable_pixels"]


def test_a_bug_is_logged_without_its_text_then_tried_again_then_buried(shop, stderr_log):
    shop.work.does = raising(KeyError(CANARY))
    shop.until_buried()
    said = stderr_log()
    assert "builtins.KeyError at" in said
    assert "test_task.py" in said
    assert CANARY not in said
    assert shop.job.error == "bug:KeyError"
    assert shop.work.done == 3


def test_a_job_that_kills_its_workers_is_given_up_without_being_tried_again(shop, clock):
    class Killed(BaseException):
        """Stands for the end of the process: nothing after it runs."""

    shop.work.does = raising(Killed())
    for _ in range(3):
        with pytest.raises(Killed):
            shop.run()
        assert shop.run() == [], "the lease still runs"
        clock.turn(30)
    shop.run()
    assert shop.work.done == 3
    assert (shop.job.state, shop.job.error) == (JobState.DEAD, "worker_lost")
    assert shop.work.written == ["given up: worker_lost"]


def test_giving_up_ends_even_where_its_last_word_fails(shop, stderr_log):
    shop.work.does = raising(Rejected(Reason.UNDECODABLE))
    stage = StageWork(shop.work.work, lambda _claimed, _code: raising_finish, 3)
    assert Runner(shop.sessions, {JobStage.PREPARE: stage}, LEASE).run(shop.job_id) == []
    assert (shop.job.state, shop.job.error) == (JobState.DEAD, "undecodable_pixels")
    assert CANARY not in stderr_log()


def raising_finish(_session, _now):
    raise LookupError(CANARY)


def test_a_job_of_a_stage_that_is_not_ours_is_left_alone(shop):
    runner = Runner(shop.sessions, {JobStage.CLASSIFY: StageWork(shop.work.work, shop.work.give_up, 3)}, LEASE)
    assert runner.run(shop.job_id) == []
    assert (shop.job.state, shop.job.attempts, shop.work.done) == (JobState.WAITING, 0, 0)


def test_a_job_that_is_not_there_costs_nothing(shop):
    shop.job_id = uuid4()
    assert shop.run() == []


def test_the_result_of_a_job_taken_over_is_dropped(shop, clock):
    def takes_too_long(_claimed):
        clock.turn(31)
        with shop.sessions.write() as session:
            assert jobs.claim(session, shop.job_id, now=clock.now, lease=LEASE)

    shop.work.does = takes_too_long
    assert shop.run() == []
    assert shop.work.written == []
    assert (shop.job.state, shop.job.attempts) == (JobState.RUNNING, 2)


@pytest.mark.parametrize("error", [Unavailable("peer_away"), Rejected(Reason.UNDECODABLE), ValueError("bug")])
def test_a_late_failure_changes_nothing_for_the_new_holder(shop, clock, error):
    def fails_too_late(_claimed):
        clock.turn(31)
        with shop.sessions.write() as session:
            assert jobs.claim(session, shop.job_id, now=clock.now, lease=LEASE)
        raise error

    shop.work.does = fails_too_late
    assert shop.run(max_attempts=1) == []
    assert shop.work.written == []
    assert (shop.job.state, shop.job.error) == (JobState.RUNNING, None)


def test_the_lease_is_renewed_while_the_work_goes_on(new_sessions):
    shop = Shop(new_sessions(clock=database_clock), None)
    stolen = []

    def works_long(_claimed):
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            with shop.sessions.write() as session:
                now = shop.sessions.now(session)
                stolen.append(jobs.claim(session, shop.job_id, now=now, lease=LEASE))
            time.sleep(0.1)

    shop.work.does = works_long
    assert len(shop.run(lease=timedelta(seconds=0.6))) == 1
    assert not any(stolen)
    assert not [t for t in threading.enumerate() if t.name == "lease"]


def test_no_transaction_is_open_during_the_work(shop):
    def writes(_claimed):
        with shop.sessions.write() as session:
            session.execute(text("UPDATE jobs SET rings = rings"))

    shop.work.does = writes
    assert len(shop.run()) == 1


def test_a_database_that_goes_away_leaves_the_job_to_be_rung_again(shop, clock):
    shop.work.does = raising(OperationalError("SELECT 1", {}, Exception("gone")))
    assert shop.run() == []
    assert shop.job.state is JobState.RUNNING
    shop.work.does = lambda _claimed: None
    clock.turn(30)
    assert len(shop.run()) == 1
    assert shop.job.state is JobState.DONE


def test_a_database_that_is_not_there_raises_nothing(shop):
    shop.sessions.engine.dispose()
    with shop.sessions.write() as session:
        session.execute(text("ALTER TABLE jobs RENAME TO lost"))
    assert shop.run() == []


# A stage on real rows


@pytest.fixture
def case(ward) -> UUID:
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    return ward.live().id


def prediction() -> StudyPrediction:
    return StudyPrediction(Probabilities(0.2, 0.7, 0.1), Status.ACCEPTED, {}, latency_ms=7)


class ToyClassifier:
    """Says the same of every study."""

    def __init__(self, meanwhile=lambda: None) -> None:
        self.meanwhile = meanwhile

    def predict(self, _crops) -> StudyPrediction:
        self.meanwhile()
        return prediction()


def classify(ward, classifier_of, monkeypatch, max_attempts: int = 3) -> list[Bell]:
    monkeypatch.setattr("worker.pipeline.classifying.decode_png", lambda png: png)
    stage = Classifying(ward.sessions, classifier_of, timedelta(seconds=5))
    stages = {JobStage.CLASSIFY: StageWork(stage.work, stage.give_up, max_attempts)}
    (job,) = [j for j in ward.jobs(JobStage.CLASSIFY) if j.state in (JobState.WAITING, JobState.RUNNING)]
    return Runner(ward.sessions, stages, LEASE).run(job.id)


def end(ward, bell: Bell) -> None:
    with ward.sessions.write() as session:
        claimed = jobs.claim(session, bell.job_id, now=ward.clock.now, lease=LEASE)
        assert jobs.finish(session, claimed, now=ward.clock.now)


def test_a_prediction_is_written_and_its_report_asked_for(ward, case, monkeypatch):
    (bell,) = classify(ward, lambda _model: ToyClassifier(), monkeypatch)
    live = ward.live()
    assert (live.stage, live.outcome, live.label.value) == (Stage.REPORTING, Outcome.ACCEPTED, "ischemia")
    assert [job.id for job in ward.jobs(JobStage.REPORT)] == [bell.job_id]


class Refusing(ToyClassifier):
    """Knows nothing of the kind."""

    def predict(self, _crops) -> StudyPrediction:
        return replace(prediction(), status=Status.REFUSED, novelty=Novelty(3.5, 1.0))


def test_what_is_unlike_the_training_ends_without_a_result_or_a_label_anywhere(ward, case, monkeypatch):
    (bell,) = classify(ward, lambda _model: Refusing(), monkeypatch)
    live = ward.live()
    assert (live.outcome, live.reason, live.label) == (Outcome.NO_RESULT, Reason.NOVEL, None)
    assert live.detail == "3.5 times the limit"
    with ward.sessions.read() as session:
        assert cases.predictions(session, case) == {}
    assert [job.id for job in ward.jobs(JobStage.REPORT)] == [bell.job_id]


class WithoutMaps(ToyClassifier):
    """Needs polar maps that older crops have not."""

    def predict(self, _crops) -> StudyPrediction:
        raise Rejected(Reason.MAPS_MISSING)


def test_crops_without_maps_end_their_case_and_preparing_again_opens_another(ward, case, monkeypatch):
    (bell,) = classify(ward, lambda _model: WithoutMaps(), monkeypatch)
    end(ward, bell)
    assert (ward.live().outcome, ward.live().reason) == (Outcome.NO_RESULT, Reason.MAPS_MISSING)
    with ward.sessions.write() as session:
        session.execute(update(ViewImage).values(maps=None))
        decisions.prepare_again(session, ward.live().study_id, actor="os:test", now=ward.clock.now)
        ids = {image.view: image.instance_id for image in session.scalars(select(ViewImage))}
    for view, instance_id in ids.items():
        ward.prepared(instance_id, view)
    assert (ward.live().revision, ward.live().stage) == (2, Stage.CLASSIFYING)
    with ward.sessions.read() as session:
        assert all(image.maps == MAPS.as_json() for image in session.scalars(select(ViewImage)))


def test_the_result_of_a_superseded_case_is_dropped(ward, case, monkeypatch):
    def supersede() -> None:
        ward.prepared(ward.arrive("1.1.0", "second"), View.QPS, "another crop")

    assert classify(ward, lambda _model: ToyClassifier(supersede), monkeypatch) == []
    with ward.sessions.read() as session:
        old = session.get_one(Case, case)
        assert cases.predictions(session, case) == {}
    assert (old.outcome, old.superseded_at) == (None, ward.clock.now)
    assert ward.jobs(JobStage.REPORT) == []


def test_a_case_whose_model_is_gone_ends_without_a_result_and_a_retry_makes_it_whole(ward, case, monkeypatch):
    def gone(_model):
        raise Unavailable("model_missing")

    (bell,) = classify(ward, gone, monkeypatch, max_attempts=1)
    end(ward, bell)  # the edge decides whether a study without a result is worth a page
    live = ward.live()
    assert (live.stage, live.outcome, live.reason) == (Stage.DONE, Outcome.NO_RESULT, Reason.MODEL_MISSING)
    (job,) = ward.jobs(JobStage.CLASSIFY)
    with ward.sessions.write() as session:
        jobs.revive(session, job.id, now=ward.clock.now)
    assert classify(ward, lambda _model: ToyClassifier(), monkeypatch) == [bell]
    assert [job.state for job in ward.jobs(JobStage.REPORT)] == [JobState.WAITING]
    live = ward.live()
    assert (live.stage, live.outcome, live.reason, live.done_at) == (Stage.REPORTING, Outcome.ACCEPTED, None, None)


def test_a_screen_given_up_and_retried_later_reopens_its_study(ward, clock):
    ward.screen(View.QPS)
    ward.screen(View.STRESS_QGS)
    lost = ward.arrive("1.1.2")
    job_id = next(job.id for job in ward.jobs() if job.subject == lost)
    stage = StageWork(raising(MemoryError()), ward.preparing.give_up, 1)
    Runner(ward.sessions, {JobStage.PREPARE: stage}, LEASE).run(job_id)
    clock.turn(30)
    ward.tick()
    assert ward.live().reason is Reason.INCOMPLETE
    with ward.sessions.write() as session:
        jobs.revive(session, job_id, now=clock.now)
    ward.prepared(lost, View.REST_QGS)
    assert (ward.live().revision, ward.live().stage) == (2, Stage.CLASSIFYING)
    with ward.sessions.read() as session:
        assert session.query(Study).one().waiting_since is None
