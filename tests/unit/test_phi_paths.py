"""Identified values stay withheld on every way out: logs, errors, databases, queues, pages, commands."""

import logging
import subprocess
import sys
import textwrap
import threading
import warnings
from uuid import uuid4

import httpx
import pytest
import typer
from celery import Celery
from harness import free_port, until
from kombu.exceptions import EncodeError
from sqlalchemy import String, column, insert, literal, select, table, text, type_coerce, update
from sqlalchemy.exc import CompileError, DBAPIError, IntegrityError, StatementError
from typer.testing import CliRunner
from ward import JANE

from core import broker, log
from core.phi import NOTHING, WITHHELD, Phi
from core.settings import Settings
from db.column_types import PhiText
from db.tables import Instance, Study

CANARY = "TESTPATIENT^CANARY"
WHO = Phi(CANARY)
LEVELS = ["debug", "info", "warning", "error", "critical", "exception"]


# Logs


@pytest.fixture
def said(stderr_log):
    """What the log said, everything let through."""
    logging.getLogger().setLevel(logging.DEBUG)
    return stderr_log


@pytest.mark.parametrize("level", LEVELS)
def test_at_every_level_a_record_withholds_it(said, level):
    logger = log.get("test")
    tell = getattr(logger, level)
    tell("as argument %s %r", WHO, [WHO])
    tell("by name %(who)s", {"who": WHO})
    tell(f"in the text {WHO} {WHO!r}")
    tell("beside it", extra={"who": WHO})
    tell(WHO)
    shown = said()
    assert shown.count("perfuscope.test") == 5
    assert shown.count(WITHHELD) == 6
    assert CANARY not in shown


def test_a_record_that_cannot_be_written_withholds_it(said):
    ours = logging.getLogger().handlers[0]
    for words in ("%d", "none"):
        ours.handle(logging.LogRecord("x", logging.ERROR, "place.py", 7, words, (WHO,), None))
    assert said().count("a log record could not be written") == 2
    assert CANARY not in said()


def fail(secret: object) -> None:
    cause = KeyError(secret)
    cause.add_note(f"note {secret}")
    raise ValueError(secret) from cause


@pytest.mark.parametrize("secret", [WHO, CANARY], ids=["withheld", "bare text"])
def test_an_exception_is_logged_without_what_it_holds(said, secret):
    try:
        fail(secret)
    except ValueError as error:
        log.get("test").exception("failed")
        log.get("test").error("failed: %s %r", error, error)
        log.get("test").error("failed: %(error)r", {"error": error})
        log.get("test").error(error)
        log.get("test").error("failed", exc_info=error, stack_info=True)
    assert said().count("ValueError") == 6
    assert CANARY not in said()


def test_an_error_of_ours_is_logged_with_its_sentence(said):
    log.get("test").error("failed: %s", log.PerfuscopeError("the port is taken"))
    assert "failed: the port is taken" in said()


def test_what_nobody_catches_is_told_without_it(said):
    thread = threading.Thread(target=lambda: [][WHO])
    thread.start()
    thread.join(10)
    assert "builtins.TypeError at" in said()
    assert CANARY not in said()


def test_warnings_are_not_told_at_all(said):
    warnings.warn(f"{WHO}", stacklevel=1)
    warnings.warn(CANARY, stacklevel=1)
    assert said() == ""


# Metrics


def test_a_metrics_label_withholds_it():
    labels = (f'{{patient="{WHO}"}}', '{patient="%s"}' % WHO, str({"patient": WHO}))  # noqa: UP031 - what is tested
    for label in labels:
        assert WITHHELD in label
        assert CANARY not in label


# Databases


def study(**columns: object) -> dict[str, object]:
    names = ("study_instance_uid", "patient_id", "patient_name", "patient_birth_date", "accession_number", "study_date")
    ours = {"id": uuid4(), "sender_ae": "TEST", "open_associations": 0, "identity_revision": 1}
    return ours | dict.fromkeys(names, WHO) | columns


def told(error: BaseException) -> str:
    """All that an error says of itself, and of those before it."""
    here = f"{error} {error!r} {error.args} {vars(error)}"
    return here + (told(error.__cause__) if error.__cause__ else "")


def test_what_is_stored_comes_back_and_can_be_asked_for(ward):
    ward.arrive("1.9")
    with ward.sessions.write() as session:
        session.execute(update(Study).values(patient_name=WHO))
        found = session.scalars(select(Study).where(Study.patient_name == WHO)).one()
        assert (found.patient_name, found.patient_id) == (WHO, JANE.patient_id)
        assert session.scalars(select(Study.id).where(Study.patient_name.in_([WHO, NOTHING]))).all() == [found.id]
        assert session.scalar(select(type_coerce(Study.patient_name, String))) == CANARY
        assert session.scalar(select(Instance.acquired_at)) is None


@pytest.mark.parametrize(
    "statement",
    [
        select(Study.id).where(Study.patient_name == CANARY),
        select(Study.id).where(Study.patient_name.in_([CANARY])),
        select(Study.id).where(Study.patient_name.like(CANARY)),
        update(Study).values(patient_name=CANARY),
    ],
)
def test_bare_text_is_refused_where_identified_text_belongs(sessions, statement):
    with pytest.raises(StatementError, match="an identified column takes Phi") as caught, sessions.write() as session:
        session.execute(statement)
    assert CANARY not in str(caught.value) + repr(caught.value)


def test_it_is_never_written_into_a_statement(sessions):
    statement = select(Study.id).where(Study.patient_name == WHO)
    assert CANARY not in str(statement)
    for one in (statement, select(literal(WHO, PhiText(64)))):
        with pytest.raises(CompileError) as caught:
            one.compile(sessions.engine, compile_kwargs={"literal_binds": True})
        assert CANARY not in told(caught.value)


def test_a_unique_value_that_comes_twice_is_refused_without_being_quoted(sessions):
    """PostgreSQL's own words are: Key (study_instance_uid)=(...) already exists."""
    with sessions.write() as session:
        row = study(received_at=sessions.now(session), last_received_at=sessions.now(session))
        session.execute(insert(Study), [row])
    with pytest.raises(IntegrityError) as caught, sessions.write() as session:
        session.execute(insert(Study), [row | {"id": uuid4()}])
    assert CANARY not in told(caught.value)
    assert "uq_studies_study_instance_uid" in str(caught.value) or "studies.study_instance_uid" in str(caught.value)


def test_a_row_that_lacks_something_is_refused_without_being_quoted(sessions):
    """PostgreSQL's own words are: Failing row contains (...)."""
    with pytest.raises(IntegrityError) as caught, sessions.write() as session:
        session.execute(insert(Study), [study(received_at=None, last_received_at=sessions.now(session))])
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sql", ["SELECT CAST(:who AS integer)", "SELECT CAST(:who AS date)"])
def test_a_value_of_the_wrong_kind_is_refused_without_being_quoted(sessions, sql):
    """PostgreSQL's own words are: invalid input syntax for type integer: "..."."""
    with pytest.raises(DBAPIError, match="SQLSTATE 22") as caught, sessions.read() as session:
        session.execute(text(sql), {"who": CANARY})
    assert CANARY not in told(caught.value)


def test_what_sqlalchemy_logs_of_a_statement_withholds_it(said, sessions):
    nowhere = select(table("nowhere", column("who", PhiText))).where(column("who", PhiText) == WHO)
    logger = logging.getLogger("sqlalchemy.engine.Engine")
    level, filters = logger.level, logging.getLogger().handlers[0].filters[:]
    logger.setLevel(logging.DEBUG)
    logging.getLogger().handlers[0].filters.clear()  # our own would silence it
    loud = sessions.engine.execution_options(logging_token="loud")
    loud.echo = "debug"
    try:
        with loud.connect() as connection:
            connection.execute(select(Study.id).where(Study.patient_name == WHO))
            with pytest.raises(DBAPIError):
                connection.execute(nowhere)
    finally:
        loud.echo = False
        logger.setLevel(level)
        logging.getLogger().handlers[0].filters.extend(filters)
    assert "FROM nowhere" in said()
    assert CANARY not in said()


# Queues


def test_celery_sends_no_message_with_it(tmp_path):
    app = Celery("test", set_as_current=False)
    app.conf.update(broker.options(Settings(home=tmp_path)))
    for held in ({"args": [WHO]}, {"kwargs": {"who": WHO}}, {"args": [str(uuid4())], "headers": {"who": WHO}}):
        with pytest.raises((EncodeError, TypeError)) as caught:
            app.send_task("perfuscope.run.edge", queue="edge", retry=False, **held)
        assert CANARY not in told(caught.value)
    assert list((tmp_path / "broker").glob("*.msg")) == []


# Pages

SERVER = """
import sys
from fastapi import FastAPI
from core import log
from core.phi import Phi
from core.settings import Settings
from pathlib import Path
from viewer import server

log.configure("DEBUG")
app = FastAPI()

@app.get("/raises/{how}")
def raises(how: str):
    raise ValueError("TESTPATIENT^CANARY" if how == "bare" else Phi("TESTPATIENT^CANARY"))

@app.get("/answers")
def answers():
    return {"who": Phi("TESTPATIENT^CANARY")}

settings = Settings(home=Path(sys.argv[1]), web_port=int(sys.argv[2]))
server.serve(app, server.listen(settings), settings.web)
"""


def test_the_web_server_tells_of_a_bug_without_it(tmp_path):
    port = free_port()
    with (tmp_path / "log").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path), str(port)], stderr=errors)
    try:
        until(lambda: answered(port, "/"), 60, "it answers")
        answers = [answered(port, place) for place in ("/raises/bare", "/raises/withheld", "/answers")]
    finally:
        process.terminate()
        process.wait(20)
    assert [answer.status_code for answer in answers] == [500] * 3
    shown = (tmp_path / "log").read_text() + "".join(answer.text for answer in answers)
    assert shown.count("builtins.ValueError at") >= 3
    assert CANARY not in shown


def answered(port: int, place: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{place}", timeout=10)
    except httpx.TransportError:
        return None


# Commands


@pytest.mark.parametrize("pretty", [False, True])
def test_a_command_that_fails_shows_no_value_that_it_held(pretty):
    code = f"""
    import typer
    from core.phi import Phi
    app = typer.Typer(pretty_exceptions_enable={pretty}, pretty_exceptions_show_locals=True)

    @app.command()
    def fail() -> None:
        who = Phi("".join(["TESTPATIENT", "^CANARY"]))
        raise KeyError(who)

    app()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"KeyError: {WITHHELD}" in done.stderr
    assert CANARY not in done.stderr + done.stdout


def test_a_command_that_prints_it_by_mistake_prints_that_it_is_withheld():
    app = typer.Typer()

    @app.command()
    def show() -> None:
        typer.echo(WHO)
        typer.secho(WHO)
        print(WHO)  # noqa: T201 - what should not be done

    assert CliRunner().invoke(app).output == f"{WITHHELD}\n" * 3
