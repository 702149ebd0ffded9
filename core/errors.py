"""Errors named for what the caller must do. Neither carries an identifier in its text."""

from datetime import timedelta

from core.types import Reason


class PerfuscopeError(Exception):
    """Something to tell the user in one sentence."""


class Rejected(PerfuscopeError):  # noqa: N818 - named for what to do: record it, never retry
    """The input itself is at fault: record the reason, never retry."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}{': ' + detail if detail else ''}")
        self.reason = reason
        self.detail = detail

    @property
    def code(self) -> str:
        """What a job row keeps."""
        return self.reason.value


class Unavailable(PerfuscopeError):  # noqa: N818 - named for what to do: try again later
    """Something needed is not there just now: retry with back-off. ``code`` is what a job row keeps."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(PerfuscopeError):  # noqa: N818 - named for what a peer did: give up, an administrator may retry
    """A peer will never take this as it is: give up. ``code`` is what a job row keeps."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Postponed(PerfuscopeError):  # noqa: N818 - named for what to do: later, and this was no attempt
    """It is not this work's turn: later, and no attempt was made. ``code`` is what a job row keeps meanwhile."""

    def __init__(self, code: str, wait: timedelta) -> None:
        super().__init__(code)
        self.code = code
        self.wait = wait


class SettingsError(PerfuscopeError):
    """A setting is wrong; the text names it, its value and what is allowed."""
