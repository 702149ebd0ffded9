"""Every test at its whole size: what ``make test`` asks a part of."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_TOLD = 10_000
"""So many last characters of a failed run are shown."""


def run() -> dict[str, Any]:
    """How many tests passed, failed, or could not be run."""
    return outcome("--numprocesses=2", "--dist=loadfile")


def outcome(*arguments: str) -> dict[str, int]:
    """Tests by what became of them, as pytest counts them in its last line; tells why one failed."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    env = {**os.environ, "TEST_SIZE": "whole"}
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        sys.stderr.write(done.stdout[-_TOLD:])
    found = re.findall(r"(\d+) (passed|failed|errors?|skipped)\b", done.stdout.strip().rpartition("\n")[2])
    return {word: int(number) for number, word in found} or {"errors": 1}


def passes(*tests: str) -> bool:
    """Whether these tests pass at their whole size."""
    return not outcome(*tests).keys() - {"passed"}


def page(step: dict[str, Any]) -> list[str]:
    """What the page says of it."""
    counts = ", ".join(f"{number} {what}" for what, number in step.items() if what != "at")
    lines = ["## Every test at its whole size", ""]
    return [*lines, f"{step['at']}: {counts}. `make test` asks the same tests for fewer examples.", ""]
