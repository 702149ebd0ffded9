"""What tests start ends when they are killed."""

import subprocess
import sys
import threading
from pathlib import Path

from bound import bound
from harness import alive, until

PARENT = """
import subprocess, sys, time
from bound import bound
child = subprocess.Popen(bound(sys.executable, "-c", "import time; print('bound', flush=True); time.sleep(60)"))
print(child.pid, flush=True)
time.sleep(60)
"""


def test_what_is_bound_ends_with_a_process_that_is_killed():
    tests = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=tests, stdout=subprocess.PIPE, text=True) as parent:
        said = {parent.stdout.readline().strip() for _ in range(2)}
        child = int((said - {"bound"}).pop())
        assert alive(child)
        parent.kill()
    until(lambda: not alive(child), 10, "the child ends")


def test_what_another_thread_starts_is_not_bound_to_it():
    found = []
    thread = threading.Thread(target=lambda: found.append(bound("sleep", "1")))
    thread.start()
    thread.join()
    assert found == [["sleep", "1"]]
