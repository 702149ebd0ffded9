"""Destinations that are down, silent, or stop in the middle: they delay only themselves."""

import socket
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from office import LEASE, moved, routes
from scripted_pacs import ScriptedPacs

from core.jobs import JobStage, JobState
from core.settings import Route
from db import destinations, jobs
from db.jobs import Claimed
from worker.task import StageWork


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_was_down_for_ten_minutes_gets_every_report_once(office, archive, nobody):
    routes(office, Route(destinations=("archive",)))
    there = archive.port
    moved(office, "archive", nobody)
    made = [office.revision(office.study()) for _ in range(8)]
    office.work(600, step=20)
    assert {job.state for job in office.jobs()} == {JobState.WAITING}
    assert {job.error for job in office.jobs()} <= {"peer_unreachable", "waits_for_destination"}
    tries = sum(job.attempts for job in office.jobs())
    assert tries <= 20, "one at a time tries, ever more seldom"
    moved(office, "archive", there)
    office.work(61, step=20)
    assert sorted(archive.stored) == sorted(uid for case in made for uid in office.uids(case))
    assert all(set(office.states(case).values()) == {"sent"} for case in made)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_destination_down_delays_no_other(office, archive, nobody):
    routes(office, Route(destinations=("pacs", "archive")))
    moved(office, "pacs", nobody)
    made = [office.revision(office.study()) for _ in range(5)]
    office.work()
    assert sorted(archive.stored) == sorted(uid for case in made for uid in office.uids(case))
    waiting = [job for job in office.jobs() if job.destination == "pacs"]
    assert [job.attempts for job in waiting] == [1, 0, 0, 0, 0], "the others did not wait for a time-out each"


def test_a_destination_that_keeps_silent_holds_one_worker(office, archive):
    """A second job for it is put off, and so is what waits behind, while the first still waits for an answer."""
    routes(office, Route(destinations=("archive",)))
    for _ in range(3):
        office.revision(office.study())
    first, second, third = office.due()
    with office.sessions.write() as session:
        claimed = jobs.claim(session, first, now=office.clock.now, lease=LEASE)
        assert destinations.enter(session, claimed, now=office.clock.now) is None
    office.clock.turn(10)
    office.runner.run(second)
    found = {job.id: job for job in office.jobs()}
    assert (found[second].attempts, found[second].error) == (0, "waits_for_destination")
    assert found[third].due_at > office.clock.now
    assert archive.stored == []
    office.clock.turn(30)  # the first worker is lost, and its lease is over
    office.runner.run(second)
    assert len(archive.stored) == 1


def test_a_silent_peer_says_so(office, archive):
    routes(office, Route(destinations=("archive",)), timeout_s=0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        moved(office, "archive", mute.getsockname()[1])
        office.revision(office.study())
        office.work()
    assert office.jobs()[0].error == "no_answer"


@pytest.fixture
def stalling(office, archive) -> Iterator[ScriptedPacs]:
    """A PACS that takes part of a large report, and then keeps the connection and says nothing."""
    office.pixels, archive.reads = 3000, 500_000
    yield archive
    office.pixels = 64
    archive.wake()


def test_a_pacs_that_stalls_in_the_middle_of_a_report_delays_only_itself(office, pacs, stalling):
    routes(office, Route(destinations=("archive", "pacs"), commitment=False), timeout_s=0.5)
    case = office.revision(office.study())
    began = time.monotonic()
    office.work()
    assert time.monotonic() - began < 20
    found = {job.destination: job for job in office.jobs()}
    assert (found["archive"].state, found["archive"].attempts) == (JobState.WAITING, 1)
    assert found["archive"].error == "no_answer"
    assert office.states(case)[("sc", "pacs")] == "sent"
    stalling.wake()
    office.work(3)
    assert office.states(case) == {("sc", "archive"): "sent", ("sc", "pacs"): "sent"}
    assert stalling.stored == office.uids(case), "and what it had begun to take is not there twice"


def test_attempts_end_after_hours(office):
    stage = office.runner.stages[JobStage.DELIVER]
    assert isinstance(stage, StageWork)

    def claimed(attempts: int, n: int) -> Claimed:
        return Claimed(UUID(int=n), UUID(int=n), JobStage.DELIVER, UUID(int=n), "pacs", attempts)

    waits = [stage.wait(claimed(attempts, 7)).total_seconds() for attempts in range(1, stage.max_attempts)]
    assert 10 * 3600 < sum(waits) < 24 * 3600
    assert max(waits) <= 3600
    assert len({stage.wait(claimed(12, n)) for n in range(50)}) > 40, "what failed together comes back apart"
