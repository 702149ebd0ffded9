"""A message holds the name of our task and one job's id. What does not fit is dropped, and the log shows none of it."""

import json
import logging
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from celery import Celery
from harness import until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu import Connection

from core import broker, messages
from core.jobs import Bell, Queue
from core.messages import Misfit
from core.settings import Settings
from dicom_node.queue import Bellringer
from worker import app as worker_app

CANARY = "TESTPATIENT^CANARY"
JOB = uuid4()


def channel(home: Path):
    options = broker.options(Settings(home=home))
    return Connection(options["broker_url"], transport_options=options["broker_transport_options"]).default_channel


def taken(home: Path, queue: str = "edge") -> SimpleNamespace:
    """The next message, as a worker's consumer gets it."""
    ch = channel(home)
    return ch.Message(ch._get(queue), channel=ch)


@pytest.fixture
def real(tmp_path) -> SimpleNamespace:
    """A message as the node sends it and a worker takes it."""
    ringer = Bellringer(Settings(home=tmp_path))
    ringer.ring([Bell(JOB, Queue.EDGE)])
    ringer.close()
    message = taken(tmp_path)
    names = ("content_type", "headers", "properties", "body")
    return SimpleNamespace(**{name: getattr(message, name) for name in names})


def refused(message: object) -> bool:
    with pytest.raises(Misfit) as caught:
        messages.check(message)
    assert str(caught.value) == "a message that does not fit the schema"
    assert caught.value.__cause__ is None
    return True


# What is sent


def test_what_the_node_sends_fits_and_holds_ids_numbers_and_our_own_words_only(real):
    messages.check(real)
    assert json.loads(real.body) == [
        [str(JOB)],
        {},
        {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
    ]
    words = {word for part in (real.headers, real.properties) for word in texts(part)}
    ids = {word for word in words if len(word) == 36 and UUID(word)}
    assert words - ids == {"", "py", "perfuscope", "perfuscope.run.edge", "edge", "base64"}
    assert (real.headers["argsrepr"], real.headers["kwargsrepr"], real.headers["origin"]) == ("", "", "perfuscope")


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [word for item in value.values() for word in texts(item)]
    if isinstance(value, list):
        return [word for item in value for word in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    "bell", [Bell(CANARY, Queue.EDGE), Bell(str(JOB), Queue.EDGE), Bell(JOB, SimpleNamespace(value=CANARY))]
)
def test_a_bell_for_anything_but_a_job_of_ours_makes_no_message(bell):
    with pytest.raises(Misfit) as caught:
        messages.sent(bell)
    assert CANARY not in str(caught.value)


# What is taken


@pytest.mark.parametrize(
    "change",
    [
        {"task": "perfuscope.run"},
        {"task": CANARY},
        {"task": None},
        {"id": CANARY},
        {"id": None},
        {"shadow": CANARY},
        {"origin": f"gen1@{CANARY}"},
        {"argsrepr": f"('{CANARY}',)"},
        {"eta": "1950-01-01T00:00:00"},
        {"expires": "19500101"},
        {"group_index": 19500101},
        {"stamps": {"who": CANARY}},
        {"stamped_headers": [CANARY]},
        {"timelimit": [[[[[None]]]]]},
        {"something": CANARY},
        {CANARY: None},
        {"lang": "1.2.840.113619.2"},
        {"retries": float("nan")},
        {"compression": "zlib"},
    ],
)
def test_a_header_that_could_say_something_is_refused(real, change):
    real.headers = real.headers | change
    assert refused(real)


def test_a_header_that_tells_nothing_may_be_new(real):
    real.headers = real.headers | {"later": None, "another": 3, "flag": True, "id_of_it": str(uuid4()), "list": [None]}
    messages.check(real)


@pytest.mark.parametrize("change", [{"reply_to": CANARY}, {"delivery_info": {"exchange": CANARY}}, {"who": CANARY}])
def test_a_property_that_could_say_something_is_refused(real, change):
    real.properties = real.properties | change
    assert refused(real)


@pytest.mark.parametrize(
    "body",
    [
        [[CANARY], {}, {}],
        [[], {}, {}],
        [[str(JOB), str(JOB)], {}, {}],
        [[str(JOB)], {"who": CANARY}, {}],
        [[str(JOB)], {}, {"callbacks": [{"task": "perfuscope.run.edge", "args": [CANARY]}]}],
        [[str(JOB)], {}, {CANARY: 1}],
        [[str(JOB).upper()], {}, {}],
        [[f"urn:uuid:{JOB}"], {}, {}],
        [[f"{{{JOB}}}"], {}, {}],
        [[JOB.hex], {}, {}],
        [[JOB.int], {}, {}],
        [[[str(JOB)]], {}, {}],
        [str(JOB), {}, {}],
        [[str(JOB)], {}],
        [[str(JOB)], [], {}],
        {"args": [str(JOB)]},
        CANARY,
        None,
    ],
)
def test_a_body_that_is_not_one_jobs_id_is_refused(real, body):
    real.body = json.dumps(body)
    assert refused(real)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", CANARY, None, [1], "[" * 1000, b" " * 10_000, "NaN"])
def test_a_body_that_is_no_json_is_refused(real, body):
    real.body = body
    assert refused(real)


@pytest.mark.parametrize("kind", ["application/x-python-serialize", "text/plain", None])
def test_another_content_type_is_refused(real, kind):
    real.content_type = kind
    assert refused(real)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.uuids().map(str) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(headers=JSON, properties=JSON, body=JSON | st.binary() | st.text())
def test_garbage_is_refused_whatever_it_is(headers, properties, body):
    for content in (body, json.dumps(body) if not isinstance(body, bytes) else body):
        message = SimpleNamespace(content_type="application/json", headers=headers, properties=properties, body=content)
        assert refused(message)


# The task


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """The real task function of the edge queue on a runner that keeps what it is called for."""
    app = worker_app.build(Settings(home=tmp_path_factory.mktemp("home")), [])
    ran: list[object] = []
    runners = SimpleNamespace(of=lambda queue: SimpleNamespace(run=lambda job_id: ran.append(job_id) or []))
    return worker_app._task(app, runners, Queue.EDGE), ran


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    args=st.lists(JSON | st.binary() | st.just(str(JOB)), max_size=3),
    kwargs=st.dictionaries(st.text(), JSON, max_size=2),
)
def test_the_task_runs_for_a_jobs_id_and_drops_the_rest_without_showing_it(task, caplog, args, kwargs):
    run, ran = task
    ran.clear()
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        run(*args, **kwargs)
    fits = not kwargs and len(args) == 1 and isinstance(args[0], str) and is_plain_uuid(args[0])
    assert ran == ([UUID(args[0])] if fits else [])
    assert caplog.messages == ([] if fits else ["a message on queue edge does not fit and is dropped"])
    assert not any(record.exc_info for record in caplog.records)


def is_plain_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


# The way through a real transport


def test_a_file_that_is_no_message_is_taken_as_one_that_does_not_fit(tmp_path):
    ch = channel(tmp_path)
    for payload in ({}, [], 7, CANARY, {"properties": {}}, {"properties": {"delivery_tag": [CANARY]}, "body": "x"}):
        ch._put("edge", payload)
        assert refused(taken(tmp_path))
    good = {"delivery_tag": str(uuid4()), "delivery_info": {}}
    for rest in ({"body": "~", "properties": {"body_encoding": "base64"}}, {"headers": [CANARY]}, {"body": {"a": 1}}):
        ch._put("edge", rest | {"properties": good | rest.get("properties", {})})
        assert refused(taken(tmp_path))


WORKER = """
import sys
from datetime import timedelta
from pathlib import Path
from core import log
from core.jobs import Queue
from core.settings import Settings
from worker import app, edge

class Runner:
    def run(self, job_id):
        with (Path(sys.argv[1]) / "ran").open("a") as file:
            print(job_id, file=file)
        return []

edge.make_runner = lambda settings: Runner()
log.configure("DEBUG")
app.run(Settings(home=Path(sys.argv[1])), [Queue.EDGE], processes=1)
"""


def test_a_worker_drops_what_does_not_fit_goes_on_and_shows_none_of_it(tmp_path):
    app = Celery("test", set_as_current=False)
    app.conf.update(broker.options(Settings(home=tmp_path)))
    good = messages.sent(Bell(JOB, Queue.EDGE))
    spoilt = [
        {"args": [CANARY]},
        {"args": [CANARY, str(JOB)]},
        {"kwargs": {"who": CANARY}},
        {"name": CANARY},
        {"name": "celery.chord", "args": [CANARY]},
        {"origin": CANARY},
        {"argsrepr": CANARY},
        {"shadow": CANARY},
        {"countdown": 3600},
        {"task_id": CANARY},
        {"headers": {"who": CANARY}},
        {"link": app.signature("perfuscope.run.edge", args=[CANARY], queue="edge")},
        {"serializer": "pickle"},
        {"compression": "zlib"},
    ]
    for change in spoilt:
        app.send_task(**good | change)
    ch = channel(tmp_path)
    for payload in ([CANARY], {"headers": {"task": CANARY}}):
        ch._put("edge", payload)
    (tmp_path / "broker" / f"{0:020d}_{uuid.uuid4()}.edge.msg").write_text(CANARY)
    app.send_task(**good)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=log, stderr=log)
    try:
        until((tmp_path / "ran").exists, 60, "the good one has run")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    said = (tmp_path / "log").read_text()
    assert (tmp_path / "ran").read_text() == f"{JOB}\n"
    assert said.count("a message that does not fit was dropped") == len(spoilt) + 2
    assert said.count("a file that is no message was dropped") == 1
    assert "TESTPATIENT" not in said
    assert list((tmp_path / "broker").glob("*.msg")) == []
