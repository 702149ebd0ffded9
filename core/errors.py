"""Errors named for what the caller must do. Neither carries an identifier in its text."""

from core.types import Reason


class PerfuscopeError(Exception):
    """Something to tell the user in one sentence."""


class Rejected(PerfuscopeError):  # noqa: N818 - named for what to do: record it, never retry
    """The input itself is at fault: record the reason, never retry."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}{': ' + detail if detail else ''}")
        self.reason = reason
        self.detail = detail


class Unavailable(PerfuscopeError):  # noqa: N818 - named for what to do: try again later
    """Something needed is not there just now: retry with back-off. ``code`` is what a job row keeps."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SettingsError(PerfuscopeError):
    """A setting is wrong; the text names it, its value and what is allowed."""
