"""Bells through the file system: none lost, none doubled, none empty; and a worker that hears them."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from queue import Empty
from uuid import UUID, uuid4

import pytest
from kombu import Connection

from core import broker
from core.jobs import Bell, JobStage, JobState, Queue
from core.settings import Settings
from db import jobs
from db.session import database_clock
from db.tables import Job
from dicom_node.queue import Bellringer

MESSAGES = 1500  # by each of two writers
PARTY = """
import sys
from pathlib import Path
from queue import Empty
from kombu import Connection
from core import broker
from core.settings import Settings

def channel(home):
    options = broker.options(Settings(home=Path(home)))
    connection = Connection(options["broker_url"], transport_options=options["broker_transport_options"])
    return connection.default_channel

role, home, name, count = sys.argv[1:]
ch = channel(home)
if role == "write":
    for n in range(int(count)):
        ch._put("edge", {"id": f"{name}-{n}"})
else:
    import time
    silent_since = time.monotonic()
    while time.monotonic() < silent_since + 1.5:
        try:
            print(ch._get("edge")["id"], flush=True)
        except Empty:
            time.sleep(0.002)
        else:
            silent_since = time.monotonic()
"""


def channel(home: Path):
    options = broker.options(Settings(home=home))
    connection = Connection(options["broker_url"], transport_options=options["broker_transport_options"])
    return connection.default_channel


@pytest.fixture
def party(tmp_path):
    """Starts processes that write or read messages; each has a file for its output. None outlives the test."""
    started = []

    def start(role: str, name: str, count: int = 0) -> tuple[subprocess.Popen, Path]:
        output = tmp_path / name
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", PARTY, role, str(tmp_path), name, str(count)], stdout=file
            )
        started.append(process)
        return process, output

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def test_of_3000_messages_none_is_lost_doubled_or_empty(party, tmp_path):
    parties = [party("write", name, MESSAGES) for name in "ab"] + [party("read", name) for name in "cd"]
    assert [process.wait(60) for process, _ in parties] == [0] * 4
    read = Counter(line for _, output in parties for line in output.read_text().split())
    assert read == Counter(f"{name}-{n}" for name in "ab" for n in range(MESSAGES))
    assert list((tmp_path / "broker").iterdir()) == []


def test_a_killed_reader_loses_at_most_the_message_in_its_hand(party):
    party("write", "a", 1500)[0].wait(30)
    victim, first = party("read", "b")
    deadline = time.monotonic() + 30
    while not first.stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    victim.kill()
    victim.wait(10)
    heir, second = party("read", "c")
    assert heir.wait(30) == 0
    got = first.read_text().split() + second.read_text().split()
    assert len(got) == len(set(got))
    assert 1500 - len(got) <= 1


def test_messages_come_in_the_order_they_were_sent_each_queue_for_itself(tmp_path):
    ch = channel(tmp_path)
    for n in range(20):
        ch._put("edge", {"n": n})
        ch._put("inference", {"n": -n})
    assert ch._size("edge") == 20
    assert [ch._get("edge")["n"] for _ in range(20)] == list(range(20))
    with pytest.raises(Empty):
        ch._get("edge")
    assert ch._get("inference")["n"] == 0
    assert ch._purge("inference") == 19
    with pytest.raises(Empty):
        ch._get("inference")


def test_a_message_half_written_is_not_seen(tmp_path):
    ch = channel(tmp_path)
    (tmp_path / "broker" / f".{uuid4()}").write_bytes(b"")
    with pytest.raises(Empty):
        ch._get("edge")


def test_a_message_that_is_no_message_is_dropped_and_the_next_one_read(tmp_path):
    ch = channel(tmp_path)
    (tmp_path / "broker" / f"0000_{uuid4()}.edge.msg").write_bytes(b"")
    (tmp_path / "broker" / f"0001_{uuid4()}.edge.msg").write_bytes(b"{")
    ch._put("edge", {"n": 1})
    assert ch._get("edge") == {"n": 1}


def test_what_dead_processes_left_half_done_is_cleared_away(tmp_path):
    channel(tmp_path)
    old, new = (tmp_path / "broker" / f".{uuid4()}" for _ in range(2))
    for path in (old, new):
        path.write_bytes(b"{}")
    an_hour_ago = time.time() - 3601
    os.utime(old, (an_hour_ago, an_hour_ago))
    channel(tmp_path)
    assert not old.exists()
    assert new.exists()


def test_a_bell_carries_a_job_id_and_nothing_else(tmp_path):
    bell = Bell(uuid4(), Queue.EDGE)
    ringer = Bellringer(Settings(home=tmp_path))
    ringer.ring([bell])
    ringer.close()
    message = channel(tmp_path)._get("edge")
    assert message["headers"]["task"] == "perfuscope.run.edge"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([str(bell.job_id)], {})


def test_messages_and_their_folder_are_for_their_owner_alone(tmp_path):
    channel(tmp_path)
    assert (tmp_path / "broker").stat().st_mode & 0o777 == 0o700


def test_a_broker_that_cannot_be_reached_costs_a_log_line(tmp_path, stderr_log):
    ringer = Bellringer(Settings(home=tmp_path, broker_url="redis://:secret@127.0.0.1:1/0"))
    began = time.monotonic()
    ringer.ring([Bell(uuid4(), Queue.EDGE)])
    assert time.monotonic() - began < 1.5, "a C-STORE must not wait for the broker"
    ringer.close()
    assert "the broker is away" in stderr_log()
    assert "secret" not in stderr_log()


def test_the_bellringer_outlives_a_bug(tmp_path, stderr_log, monkeypatch):
    rung = []

    def first_fails(_app, bell):
        if not rung:
            rung.append(None)
            raise ValueError("TESTPATIENT^CANARY")
        rung.append(bell)

    monkeypatch.setattr("dicom_node.queue.ring", first_fails)
    ringer = Bellringer(Settings(home=tmp_path))
    bells = [Bell(uuid4(), Queue.EDGE) for _ in range(2)]
    ringer.ring(bells)
    ringer.close()
    assert rung == [None, bells[1]]
    assert "CANARY" not in stderr_log()


def test_no_option_lets_a_task_outlive_its_redelivery(tmp_path):
    options = broker.options(Settings(home=tmp_path, broker_url="redis://127.0.0.1/0"))
    transport = options["broker_transport_options"]
    assert options["task_soft_time_limit"] < options["task_time_limit"] < transport["visibility_timeout"]
    assert options["accept_content"] == ["json"]
    assert transport["unacked_restore_interval"] == 2


# A real worker

TOY = """
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from core import log
from core.jobs import JobStage, Queue
from core.settings import Settings
from db.session import Sessions, make_engine
from worker import app, edge
from worker.task import Runner, StageWork

def make_runner(settings):
    sessions = Sessions(make_engine(settings.database))
    def work(claimed):
        if claimed.attempts == 1 and claimed.destination == "dies":
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        if claimed.destination == "slow":
            import time
            time.sleep(2)
        if claimed.destination == "bug":
            raise ValueError("TESTPATIENT^CANARY")
        return lambda session, now: []
    stage = StageWork(work, lambda claimed, code: lambda session, now: [], 3)
    return Runner(sessions, {JobStage.PREPARE: stage}, timedelta(seconds=1))

edge.make_runner = make_runner
log.configure()
app.run(Settings(home=Path(sys.argv[1])), [Queue.EDGE], processes=1)
"""


@pytest.fixture
def worker(new_sessions, tmp_path):
    """A Celery worker in a process of its own on a toy stage: (sessions, log so far, its process)."""
    sessions = new_sessions(clock=database_clock)
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", TOY, str(tmp_path)], stdout=log, stderr=log)
    yield sessions, (tmp_path / "worker.log").read_text, process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
        raise


def children(process: subprocess.Popen) -> set[int]:
    """The processes that any of its threads started and that still run."""
    tasks = Path(f"/proc/{process.pid}/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


def add(sessions, destination: str) -> Bell:
    with sessions.write() as session:
        return jobs.add(
            session,
            JobStage.PREPARE,
            subject=uuid4(),
            destination=destination,
            now=sessions.now(session),
            ring_again=timedelta(seconds=1),
        )


def until(sessions, job_id: UUID, condition, timeout_s: float = 40) -> Job:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with sessions.read() as session:
            job = session.get_one(Job, job_id)
        if condition(job):
            return job
        time.sleep(0.05)
    raise AssertionError((job.state, job.attempts, job.error))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the worker finds it in its home folder
def test_a_worker_does_what_is_rung_for_survives_a_dead_child_and_prints_no_text(worker, tmp_path):
    sessions, log, _ = worker
    fine, dies, bug = (add(sessions, name) for name in ("fine", "dies", "bug"))
    ringer = Bellringer(Settings(home=tmp_path))
    ringer.ring([fine, bug])
    assert until(sessions, fine.job_id, lambda job: job.state is JobState.DONE).attempts == 1
    until(sessions, bug.job_id, lambda job: job.error == "bug:ValueError")
    ringer.ring([dies])
    until(sessions, dies.job_id, lambda job: job.attempts == 1)
    time.sleep(1.1)
    ringer.ring([dies])
    assert until(sessions, dies.job_id, lambda job: job.state is JobState.DONE).attempts == 2
    ringer.ring([Bell(uuid4(), Queue.EDGE), fine])
    ringer.close()
    assert "builtins.ValueError at" in log()
    assert "CANARY" not in log()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # as above
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks children up in /proc")
def test_a_child_killed_while_it_waits_for_work_holds_nobody_up_and_its_heir_may_finish_on_shutdown(worker, tmp_path):
    sessions, log, process = worker
    ringer = Bellringer(Settings(home=tmp_path))
    first = add(sessions, "fine")
    ringer.ring([first])
    until(sessions, first.job_id, lambda job: job.state is JobState.DONE)
    (victim,) = children(process)
    os.kill(victim, signal.SIGKILL)
    slow = add(sessions, "slow")
    ringer.ring([slow])
    until(sessions, slow.job_id, lambda job: job.state is JobState.RUNNING)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    ringer.close()
    assert until(sessions, slow.job_id, lambda job: job.state is JobState.DONE).attempts == 1
    assert log().count("serving queue") == 2
