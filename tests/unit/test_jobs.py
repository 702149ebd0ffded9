"""Jobs are the truth: one row a piece of work, one holder at a time, rung for until done."""

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from core.jobs import Bell, JobStage, JobState, Queue
from db import job_list, jobs
from db.job_list import Place
from db.jobs import Claimed
from db.session import Sessions, database_clock
from db.tables import ERROR_LENGTH, Job

RING = timedelta(seconds=5)
LEASE = timedelta(seconds=30)


@pytest.fixture
def book(sessions_by_clock, clock):
    return Book(sessions_by_clock, clock)


class Book:
    """Each call is a transaction of its own, at the clock's time."""

    def __init__(self, sessions: Sessions, clock) -> None:
        self.sessions, self.clock = sessions, clock

    def add(
        self, subject: UUID | None = None, stage: JobStage = JobStage.PREPARE, destination: str = ""
    ) -> Bell | None:
        with self.sessions.write() as session:
            return jobs.add(
                session,
                stage,
                subject=subject or uuid4(),
                destination=destination,
                now=self.clock.now,
                ring_again=RING,
            )

    def claim(self, bell: Bell, **options) -> Claimed | None:
        with self.sessions.write() as session:
            return jobs.claim(session, bell.job_id, now=self.clock.now, lease=LEASE, **options)

    def call(self, function, *args, **options):
        with self.sessions.write() as session:
            return function(session, *args, now=self.clock.now, **options)

    def ring(self) -> list[Bell]:
        with self.sessions.read() as session:
            expected = jobs.anything_to_ring(session, now=self.clock.now)
        bells = self.call(jobs.to_ring, ring_again=RING)
        assert expected == bool(bells)
        return bells

    def job(self, bell: Bell) -> Job:
        with self.sessions.read() as session:
            return session.get_one(Job, bell.job_id)


def test_the_same_work_is_written_down_once(book):
    subject = uuid4()
    assert book.add(subject).queue is Queue.EDGE
    assert book.add(subject) is None
    assert book.add(subject, JobStage.CLASSIFY).queue is Queue.INFERENCE
    assert book.add(subject, JobStage.DELIVER, "pacs") is not None
    assert book.add(subject, JobStage.DELIVER, "archive") is not None
    assert book.add(subject, JobStage.DELIVER, "pacs") is None


def test_a_claim_counts_the_attempt_and_names_the_work(book):
    subject = uuid4()
    bell = book.add(subject, JobStage.DELIVER, "pacs")
    claimed = book.claim(bell)
    assert (claimed.stage, claimed.subject, claimed.destination) == (JobStage.DELIVER, subject, "pacs")
    assert claimed.attempts == 1
    assert book.job(bell).state is JobState.RUNNING


def test_only_due_jobs_are_claimed(book, clock):
    bell = book.add()
    claimed = book.claim(bell)
    book.call(jobs.retry_later, claimed, wait=timedelta(seconds=4), error="busy")
    clock.turn(3.9)
    assert book.claim(bell) is None
    clock.turn(0.1)
    assert book.claim(bell).attempts == 2


def test_a_held_job_a_done_job_a_dead_job_and_none_are_not_claimed(book):
    held, done, dead = book.add(), book.add(), book.add()
    book.claim(held)
    book.call(jobs.finish, book.claim(done))
    book.call(jobs.bury, book.claim(dead), error="no_use")
    for bell in (held, done, dead, Bell(uuid4(), Queue.EDGE)):
        assert book.claim(bell) is None


def test_a_job_of_another_stage_is_left_alone(book):
    bell = book.add(stage=JobStage.CLASSIFY)
    assert book.claim(bell, stages={JobStage.PREPARE}) is None
    assert book.job(bell).attempts == 0


def test_of_two_claimers_one_wins(new_sessions):
    sessions = new_sessions(clock=database_clock)
    for _ in range(10):
        with sessions.write() as session:
            bell = jobs.add(session, JobStage.PREPARE, subject=uuid4(), now=sessions.now(session), ring_again=RING)
        start, won = threading.Barrier(4), []

        def claim(bell=bell, start=start, won=won) -> None:
            start.wait(10)
            with sessions.write() as session:
                won.append(jobs.claim(session, bell.job_id, now=sessions.now(session), lease=LEASE))

        threads = [threading.Thread(target=claim) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(won) == 4
        assert sum(claimed is not None for claimed in won) == 1


def test_a_lost_lease_is_claimable_and_its_old_holder_has_no_say(book, clock):
    bell = book.add()
    old = book.claim(bell)
    clock.turn(LEASE.total_seconds())
    new = book.claim(bell)
    assert new.attempts == 2
    assert not book.call(jobs.renew, old, lease=LEASE)
    assert not book.call(jobs.finish, old)
    assert not book.call(jobs.bury, old, error="late")
    assert not book.call(jobs.retry_later, old, wait=RING, error="late")
    job = book.job(bell)
    assert (job.state, job.error, job.lease_token) == (JobState.RUNNING, None, new.token)
    assert book.call(jobs.finish, new)


def test_a_finished_job_cannot_be_finished_again(book):
    bell = book.add()
    claimed = book.claim(bell)
    assert book.call(jobs.finish, claimed)
    assert not book.call(jobs.finish, claimed)
    assert not book.call(jobs.bury, claimed, error="late")
    assert book.job(bell).state is JobState.DONE


def test_a_renewed_lease_keeps_others_out(book, clock):
    bell = book.add()
    claimed = book.claim(bell)
    for _ in range(5):
        clock.turn(20)
        assert book.call(jobs.renew, claimed, lease=LEASE)
        assert book.claim(bell) is None
        assert book.ring() == []


def test_an_unheard_bell_is_rung_after_five_seconds_then_ever_more_seldom(book, clock):
    bell = book.add()
    heard = []
    for second in range(160):
        if book.ring() == [bell]:
            heard.append(second)
        clock.turn(1)
    assert heard == [5, 15, 35, 75, 155]


def test_the_silence_between_rings_is_capped(book, clock):
    bell = book.add()
    clock.turn(5)
    for _ in range(12):
        assert book.ring() == [bell]
        clock.turn(600)
    assert book.ring() == [bell]
    clock.turn(599)
    assert book.ring() == []


def test_a_running_job_is_not_rung_for_until_its_lease_runs_out_then_at_once(book, clock):
    bell = book.add()
    clock.turn(5)
    book.ring()
    book.claim(bell)
    clock.turn(LEASE.total_seconds() - 0.01)
    assert book.ring() == []
    clock.turn(0.01)
    assert book.ring() == [bell]
    clock.turn(9)
    assert book.ring() == []
    clock.turn(1)
    assert book.ring() == [bell]


def test_a_job_put_back_is_rung_for_when_it_is_due(book, clock):
    bell = book.add()
    book.call(jobs.retry_later, book.claim(bell), wait=timedelta(seconds=60), error="peer_away")
    clock.turn(59)
    assert book.ring() == []
    clock.turn(1)
    assert book.ring() == [bell]


def test_done_and_dead_jobs_are_never_rung_for(book, clock):
    done, dead = book.add(), book.add()
    book.call(jobs.finish, book.claim(done))
    book.call(jobs.bury, book.claim(dead), error="no_use")
    clock.turn(24 * 3600)
    assert book.ring() == []


def test_a_revived_job_is_due_at_once_with_all_its_attempts(book, clock):
    bell = book.add()
    assert book.call(jobs.revive, bell.job_id) is None
    book.call(jobs.bury, book.claim(bell), error="peer_away")
    clock.turn(100)
    assert book.call(jobs.revive, bell.job_id) == bell
    assert book.ring() == [bell]
    claimed = book.claim(bell)
    assert claimed.attempts == 1
    assert book.call(jobs.finish, claimed)
    assert book.call(jobs.revive, bell.job_id) is None
    assert book.call(jobs.revive, uuid4()) is None


def test_a_long_error_code_is_cut_to_what_the_column_holds(book):
    first, second = book.add(), book.add()
    book.call(jobs.retry_later, book.claim(first), wait=RING, error="x" * 100)
    book.call(jobs.bury, book.claim(second), error="x" * 100)
    assert book.job(first).error == book.job(second).error == "x" * ERROR_LENGTH


def test_counts_and_lists_tell_where_the_work_stands(book):
    waiting, dead = book.add(), book.add(stage=JobStage.REPORT)
    book.call(jobs.bury, book.claim(dead), error="no_use")
    with book.sessions.read() as session:
        assert jobs.counts(session) == {
            (JobStage.PREPARE, JobState.WAITING): 1,
            (JobStage.REPORT, JobState.DEAD): 1,
        }
        assert [job.id for job in jobs.listed(session, states=(JobState.DEAD,))] == [dead.job_id]
        assert {job.id for job in jobs.listed(session, states=tuple(JobState))} == {waiting.job_id, dead.job_id}


def test_a_limited_round_rings_the_most_overdue_first(book, clock):
    bells = []
    for _ in range(4):
        bells.append(book.add())
        clock.turn(1)
    clock.turn(60)
    first = book.call(jobs.to_ring, ring_again=RING, limit=2)
    second = book.call(jobs.to_ring, ring_again=RING, limit=2)
    assert first + second == bells


def test_a_list_of_jobs_goes_on_where_its_page_ended_whatever_became_of_that_job(book):
    older = [book.add() for _ in range(3)]
    book.clock.turn(1)
    newer = [book.add() for _ in range(3)]
    dead = [book.job(bell).id for bell in (*older[:2], newer[0])]
    with book.sessions.write() as session:
        for key in dead:
            session.get_one(Job, key).state = JobState.DEAD
    found, after = [], None
    while after is not None or not found:
        with book.sessions.write() as session:
            page, after = job_list.page(session, job_list.OPEN, None, after=after, limit=1)
            found += [one.job.id for one in page]
            page[-1].job.state = JobState.DONE
        after = after and Place.parse(str(after))
    assert len(found) == 6
    assert found[:3] == [dead[2], *sorted(dead[:2], reverse=True)]
    assert found[3:] == [*sorted((bell.job_id for bell in newer[1:]), reverse=True), older[2].job_id]
