"""Nothing is left running when its parent dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = """
import os, sys, time
from core import process
if sys.argv[2] == "watching":
    process.platform.system = lambda: "Other"
process.end_with_parent(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid()), sys.argv[2]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks the child up in /proc")
@pytest.mark.parametrize("way", ["the kernel", "watching"])
def test_a_child_dies_when_its_parent_is_killed(way):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, way], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(parent.stdout.readline())
        assert running(pid)
    finally:
        parent.kill()
        parent.wait(10)
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while running(pid):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def test_a_process_whose_parent_lives_goes_on():
    code = f"from core import process; process.end_with_parent({os.getpid()}); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "alive\n"


@pytest.mark.parametrize("way", ["the kernel", "watching"])
def test_a_process_whose_parent_is_gone_already_ends_at_once(way):
    stranger = 2**22 + 1  # above the kernel's highest process id
    command = [sys.executable, "-c", CHILD, str(stranger), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
