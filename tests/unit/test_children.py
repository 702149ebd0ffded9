"""Children of the supervisor: forked after what all of them need is loaded, started again, never deaf to a stop."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cli import children
from cli.children import Child

LOADED = """
import json, sys
import cli.main
from cli import children
children.load()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_what_is_loaded_before_the_fork_is_what_every_child_may_have():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(done.stdout))
    assert "sqlalchemy" in loaded
    strangers = {"pydicom", "pynetdicom", "highdicom", "fastapi", "celery", "tensorflow", "ai_edge_litert", "scipy"}
    assert not loaded & strangers


def held_up(seconds: float) -> None:
    time.sleep(seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_a_child_whatever_the_supervisor_does_with_it(number):
    heard = []
    before = {one: signal.signal(one, lambda *_: heard.append(1)) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        child = children.fork(held_up, 60)
        os.kill(child.pid, number)  # it may not even have begun
        child.join(10)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert child.exitcode in {-signal.SIGTERM, 1}
    assert not heard


def test_the_supervisor_hears_what_it_was_told_while_it_forked():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        with children.held_back():
            signal.raise_signal(signal.SIGTERM)  # to this thread; the supervisor has no other
            assert not heard
        assert heard == [1]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_child_that_dies_is_started_again_after_a_pause_that_grows(monkeypatch):
    started = []

    def fork(work, *arguments):
        started.append(arguments[0])
        return real(held_up, 0)

    real = children.fork
    monkeypatch.setattr(children, "fork", fork)
    child = Child("worker", ("worker", "--queues", "edge"))
    pauses = []
    for _ in range(5):
        child.keep_running()
        child.running.join(10)
        child.keep_running()
        assert child.running is None
        pauses.append(child.pause_s)
        child.next_start = 0.0
    assert started == [("worker", "--queues", "edge")] * 5
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
