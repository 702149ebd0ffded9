"""The log carries ids, counts and codes: no exception's text, no library's values."""

import gc
import io
import logging
import subprocess
import sys
import threading
import warnings
from contextlib import redirect_stderr

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core import log

CANARY = "TESTPATIENT^CANARY"


def boom() -> None:
    raise ValueError(CANARY) from KeyError(CANARY)


def test_an_exception_is_logged_by_its_kind_and_its_lines_of_code(stderr_log):
    try:
        boom()
    except ValueError:
        log.get("test").exception("job failed")
    said = stderr_log()
    assert "perfuscope.test job failed" in said
    assert "builtins.ValueError at" in said
    assert "test_log.py" in said
    assert CANARY not in said


def test_what_another_formatter_made_of_the_exception_is_not_repeated(stderr_log):
    try:
        boom()
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", None, sys.exc_info())
    assert CANARY in logging.Formatter().format(record)
    logging.getLogger().handle(record)
    assert CANARY not in stderr_log()


def test_what_nobody_catches_in_a_thread_is_logged_without_its_text(stderr_log):
    thread = threading.Thread(target=boom)
    thread.start()
    thread.join(10)
    said = stderr_log()
    assert "uncaught" in said
    assert "builtins.ValueError at" in said
    assert CANARY not in said


def test_what_a_destructor_raises_is_logged_without_its_text(stderr_log):
    class Bad:
        def __del__(self) -> None:
            boom()

    Bad()
    gc.collect()
    said = stderr_log()
    assert "builtins.ValueError at" in said
    assert CANARY not in said


def test_what_ends_a_process_is_logged_without_its_text():
    code = f"from core import log; log.configure(); raise ValueError({CANARY!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "builtins.ValueError at" in done.stderr
    assert CANARY not in done.stderr


@pytest.mark.parametrize(
    "name", ["pydicom", "pynetdicom", "pynetdicom.events", "pynetdicom._handlers", "celery.app.trace"]
)
def test_libraries_that_print_values_are_silenced_whatever_level_they_set_themselves(stderr_log, name):
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        logger.error(CANARY)
    finally:
        logger.setLevel(before)
    assert stderr_log() == ""


def test_a_library_imported_after_the_log_was_set_up_is_silenced_too():
    code = f"""
from core import log
log.configure()
import pydicom, pynetdicom, warnings, logging
from pydicom.config import logger
logger.warning({CANARY!r})
ds = pydicom.Dataset()
ds.PatientID = {CANARY!r} * 10
ds.StudyDate = {CANARY!r}
ds.InstanceNumber = "1"
logging.getLogger("pynetdicom.acse").warning({CANARY!r})
warnings.warn({CANARY!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_warnings_are_not_printed(stderr_log):
    warnings.warn(CANARY, stacklevel=1)
    assert stderr_log() == ""


def test_our_own_records_pass_with_the_time_in_utc(stderr_log):
    record = logging.LogRecord("perfuscope.x", logging.INFO, "", 1, "started", None, None)
    record.created = 0.25
    logging.getLogger().handle(record)
    assert stderr_log() == "1970-01-01T00:00:00Z INFO    perfuscope.x started\n"


def test_setting_the_log_up_twice_prints_once(stderr_log):
    stream = io.StringIO()
    with redirect_stderr(stream):
        log.configure()
    log.get("test").info("once")
    assert (stderr_log() + stream.getvalue()).count("once") == 1


def test_a_record_that_cannot_be_written_shows_nothing_of_itself(stderr_log):
    ours = logging.getLogger().handlers[0]
    complaints = io.StringIO()
    with redirect_stderr(complaints):
        ours.handle(logging.LogRecord("x", logging.ERROR, "place.py", 7, "%d", (CANARY,), None))
    assert complaints.getvalue() == ""
    assert stderr_log() == "a log record could not be written: place.py:7\n"


def test_a_database_error_shows_no_parameters(sessions):
    with pytest.raises(DBAPIError) as caught, sessions.read() as session:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": CANARY})
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
