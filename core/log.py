"""Logging that cannot carry an identifier: ids, counts and codes only; chatty libraries silenced at the source."""

import logging
import sys
import traceback
import warnings
from types import TracebackType

_QUIET = {
    "pydicom": logging.CRITICAL,  # its warnings print attribute values
    "pynetdicom": logging.CRITICAL,  # its errors print requests and AE titles
    "PIL": logging.WARNING,
    "celery": logging.WARNING,
    "kombu": logging.WARNING,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}


class _WithoutValues(logging.Formatter):
    """Prints an exception as its type and code lines: an exception's text may quote the data that caused it."""

    def formatException(  # noqa: N802 - the standard library's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        kind, _, trace = ei
        if kind is None:
            return ""
        frames = [f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(trace)]
        return "\n".join([f"{kind.__module__}.{kind.__qualname__} at", *frames])


def configure(level: str = "INFO") -> None:
    """Send the log to stderr, one line a record, in UTC; safe to call twice."""
    formatter = _WithoutValues("%(asctime)s %(levelname)-7s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    warnings.simplefilter("ignore")


def get(name: str) -> logging.Logger:
    """A logger below ``perfuscope``."""
    return logging.getLogger(f"perfuscope.{name}")
