"""What a check found: one line, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; only ``fail`` makes the exit code 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report, without identifiers."""

    check: str
    level: Level
    said: str
    todo: str = ""
    """What to do, one sentence; empty where there is nothing to do."""


def ok(check: str, said: str) -> Finding:
    """As it should be."""
    return Finding(check, Level.OK, said)


def warn(check: str, said: str, todo: str) -> Finding:
    """It works, but somebody should look."""
    return Finding(check, Level.WARN, said, todo)


def fail(check: str, said: str, todo: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAIL, said, todo)


def not_run(check: str, said: str) -> Finding:
    """Could not be looked at, because of something that failed before."""
    return Finding(check, Level.NOT_RUN, said)
