"""The reconciler: writes only when something is due, and survives what happens to it."""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from ward import POLICY, Ward

from core.jobs import JobStage, JobState
from core.phi import Phi
from core.types import REQUIRED_VIEWS, Reason, Stage, View
from db import jobs, studies
from db.tables import Case
from dicom_node import completion, reconciler
from dicom_node.reconciler import Reconciler

CANARY = "TESTPATIENT^CANARY"


@pytest.fixture
def writes(ward, monkeypatch) -> Callable[[], int]:
    """How many write transactions were opened so far."""
    begun, write = [], ward.sessions.write

    def counted():
        begun.append(None)
        return write()

    monkeypatch.setattr(ward.sessions, "write", counted)
    return lambda: len(begun)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_round_with_nothing_due_writes_nothing(ward, writes, clock):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    ward.arrive("1.7", study="1.2.99")
    before = writes()
    for _ in range(4):
        ward.tick()
        clock.turn(1)
    assert writes() == before
    assert len(ward.rung) == 1


def test_a_round_on_an_empty_database_writes_nothing(ward, writes):
    before = writes()
    ward.tick()
    assert writes() == before


def test_what_is_silent_is_rung_again_and_only_then_written(ward, writes, clock):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    (job,) = ward.jobs(JobStage.CLASSIFY)
    clock.turn(5)
    before = writes()
    ward.tick()
    ward.tick()
    assert writes() == before + 1
    assert [bell.job_id for bell in ward.rung] == [job.id, job.id]


def test_a_study_whose_time_has_come_is_settled_and_its_bell_rung(ward, clock):
    association = set()
    for view in REQUIRED_VIEWS:
        ward.screen(view, association=association)
    assert ward.rung == []
    clock.turn(1)
    ward.tick()
    (job,) = ward.jobs(JobStage.CLASSIFY)
    assert [bell.job_id for bell in ward.rung] == [job.id]


def test_a_backlog_of_studies_in_preparation_hides_no_study_that_is_due(ward, clock):
    for number in range(5):
        ward.arrive("1.7", study=f"1.2.{number}")
    clock.turn(10)
    for view in REQUIRED_VIEWS:
        ward.screen(view, study="1.3", association=set())
    with ward.sessions.read() as session:
        due = studies.id_of(session, Phi("1.3"))
        assert studies.waiting(session, now=clock.now, cap=POLICY.cap, limit=3) == [due]
        later = clock.now + POLICY.cap
        assert len(studies.waiting(session, now=later, cap=POLICY.cap)) == 6


def test_a_big_study_that_is_not_due_is_judged_once_in_a_while_and_in_time(ward, clock, monkeypatch):
    monkeypatch.setattr(reconciler, "_BIG", 2)
    monkeypatch.setattr(reconciler, "_REST_PER_OBJECT", timedelta(seconds=1))
    judged, is_due = [], completion.is_due
    monkeypatch.setattr(completion, "is_due", lambda *a, **k: judged.append(1) or is_due(*a, **k))
    for number in range(4):
        ward.arrive(f"1.{number + 5}", screen=False)
    for _ in range(20):
        ward.tick()
        clock.turn(0.2)
    assert len(judged) == 1
    clock.turn(30)
    ward.tick()
    assert ward.live().reason is Reason.NO_SCREENS


def test_a_lost_database_is_waited_for(ward, stderr_log):
    failures = []

    def lost(*_args) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError(CANARY, {"name": CANARY}, Exception(CANARY))

    for view in REQUIRED_VIEWS:
        ward.screen(view)
    ward.clock.turn(5)
    ward.rung.clear()
    event.listen(ward.sessions.engine, "before_cursor_execute", lost)
    running(ward, lambda: bool(ward.rung))
    event.remove(ward.sessions.engine, "before_cursor_execute", lost)
    assert len(failures) == 2
    said = stderr_log()
    assert "the database is away" in said
    assert CANARY not in said


def running(ward: Ward, condition: Callable[[], bool]) -> None:
    """Run a reconciler of its own until the condition holds, without its pauses."""
    reconciler = Reconciler(sessions=ward.sessions, ring=ward.rung.extend, policy=ward.policy, tick_s=0.01)
    reconciler._stop = Impatient()
    reconciler.start()
    until(condition)
    reconciler.close()
    assert not reconciler._thread.is_alive()


class Impatient:
    """An event whose waits are short."""

    def __init__(self) -> None:
        self.stopped = False

    def wait(self, _timeout_s: float) -> bool:
        time.sleep(0.01)
        return self.stopped

    def set(self) -> None:
        self.stopped = True


def test_a_bug_in_a_round_is_logged_without_its_text_and_the_next_round_comes(ward, stderr_log, monkeypatch):
    rounds = []

    def broken(*_args, **_options):
        rounds.append(1)
        raise ValueError(CANARY)

    monkeypatch.setattr(jobs, "anything_to_ring", broken)
    running(ward, lambda: len(rounds) > 2)
    said = stderr_log()
    assert "builtins.ValueError at" in said
    assert CANARY not in said


def test_a_study_that_cannot_be_settled_keeps_no_other_from_it(ward, clock, stderr_log):
    ward.arrive("1.9", study="1.2.0", screen=False)
    clock.turn(0.1)
    ward.arrive("1.9", study="1.2.3", screen=False)
    with ward.sessions.read() as session:
        poisoned = studies.id_of(session, Phi("1.2.0"))
    settle = ward.reconciler._settle

    def broken(study_id: UUID) -> None:
        if study_id == poisoned:
            raise LookupError(CANARY)
        settle(study_id)

    ward.reconciler._settle = broken
    clock.turn(30)
    ward.tick()
    with ward.sessions.read() as session:
        (case,) = session.scalars(select(Case))
        assert case.study_id == studies.id_of(session, Phi("1.2.3"))
    assert case.reason is Reason.NO_SCREENS
    assert "cannot be settled" in stderr_log()
    assert CANARY not in stderr_log()


def test_a_job_whose_worker_was_lost_is_rung_for_once_its_lease_ran_out(ward, clock):
    instance_id = ward.arrive("1.7")
    job_id = next(job.id for job in ward.jobs() if job.subject == instance_id)
    with ward.sessions.write() as session:
        assert jobs.claim(session, job_id, now=clock.now, lease=timedelta(seconds=30))
    clock.turn(29.9)
    ward.tick()
    assert ward.rung == []
    clock.turn(0.1)
    ward.tick()
    assert [bell.job_id for bell in ward.rung] == [job_id]


def test_a_restart_forgets_nothing(ward, clock):
    ward.screen(View.QPS)
    clock.turn(30)
    fresh = Ward(ward.sessions, clock)
    fresh.tick()
    assert (fresh.live().stage, fresh.live().reason) == (Stage.DONE, Reason.INCOMPLETE)


def test_rings_reach_a_job_that_nobody_hears_for_hours(ward, clock):
    ward.arrive(f"1.{uuid4().int % 10**9}")
    for _ in range(40):
        clock.turn(600)
        ward.tick()
    assert len(ward.rung) == 40
    assert {job.state for job in ward.jobs()} == {JobState.WAITING}
