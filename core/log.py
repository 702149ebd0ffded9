"""Logging that cannot carry an identifier: ids, counts and codes only; chatty libraries silenced at the source."""

import logging
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from types import TracebackType
from typing import Any, TextIO

from core.errors import PerfuscopeError

_QUIET = {
    "pydicom": logging.CRITICAL,  # its warnings print attribute values
    "pynetdicom": logging.CRITICAL,  # its errors print requests and AE titles
    "celery.app.trace": logging.CRITICAL,  # its errors print a task's exception; worker.task logs it without
    "PIL": logging.WARNING,
    "celery": logging.WARNING,
    "kombu": logging.WARNING,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}
_log = logging.getLogger("perfuscope.log")


class _WithoutValues(logging.Formatter):
    """Prints an exception as its type and code lines: an exception's text may quote the data that caused it."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """One record; what another formatter made of its exception is not believed."""
        record = copy(record)  # another handler may want it as it was
        record.exc_text = None
        record.args = _without_texts(record.args)
        record.msg = _kind(record.msg) if isinstance(record.msg, BaseException) else record.msg
        return super().format(record)

    def formatException(  # noqa: N802 - the standard library's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        kind, _, trace = ei
        if kind is None:
            return ""
        frames = [f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(trace)]
        return "\n".join([f"{kind.__module__}.{kind.__qualname__} at", *frames])


def _without_texts(args: Any) -> Any:
    """A record's arguments, with exceptions by their kind: libraries print them with ``%r``. Ours carry no value."""
    if isinstance(args, tuple):
        return tuple(_kind(arg) if isinstance(arg, BaseException) else arg for arg in args)
    if isinstance(args, Mapping):
        return {name: _kind(arg) if isinstance(arg, BaseException) else arg for name, arg in args.items()}
    return args


def _kind(error: BaseException) -> str:
    return str(error) if isinstance(error, PerfuscopeError) else type(error).__qualname__


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to stderr; a record that cannot be written is told by its place, not by its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Called where a record's arguments do not fit its text, or stderr is gone."""
        with suppress(OSError, ValueError):
            self.stream.write(f"a log record could not be written: {record.pathname}:{record.lineno}\n")


def _audible(record: logging.LogRecord) -> bool:
    """Whether a record may pass. Levels alone would not do: pydicom sets its own again when it is imported."""
    parts = record.name.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return record.levelno >= next((_QUIET[p] for p in prefixes if p in _QUIET), logging.NOTSET)


def configure(level: str = "INFO") -> None:
    """Send the log to stderr, one line a record, in UTC; safe to call twice.

    What nobody catches, in any thread, is logged in the same way instead of being printed with its text.
    """
    handler = _ToStderr(sys.stderr)
    handler.setFormatter(_WithoutValues("%(asctime)sZ %(levelname)-7s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_audible)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    warnings.simplefilter("ignore")
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None:
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    if what.exc_value is not None:
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def get(name: str) -> logging.Logger:
    """A logger below ``perfuscope``."""
    return logging.getLogger(f"perfuscope.{name}")
