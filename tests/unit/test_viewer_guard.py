"""Who gets an answer at all, and what every answer carries."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from harness import free_port
from reader import Reader

import viewer
from core.errors import PerfuscopeError
from core.settings import Settings
from db.session import Sessions, make_engine
from viewer import server
from viewer.app import make_app
from viewer.seen import Seen

FOLDER = Path(viewer.__file__).parent


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Reader:
    """On a database that has no tables: what is asked here is answered without it."""
    engine = make_engine("sqlite://")
    return Reader(make_app(Settings(home=tmp_path_factory.mktemp("home")), Sessions(engine)))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:9000", "LOCALHOST", "[::1]:8080", "[::1]", "127.0.0.2:1"]
)
def test_this_machines_own_names_are_answered(app, host):
    assert replace(app, host=host).get("/static/style.css").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "10.0.0.1:8080",
        "0.0.0.0:8080",
        "localhost:x",
        "[::2]:80",
        "[::1",
        "",
    ],
)
def test_a_name_that_somebody_else_may_own_is_refused(app, host):
    answer = replace(app, host=host).get("/static/style.css")
    assert answer.status_code == 421
    assert "x-frame-options" in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_pages_are_read_by_get_and_changed_by_post(app, method):
    assert app.get("/", method=method).status_code == 405


def test_what_is_no_form_of_ours_is_not_looked_at(app):
    assert app.get("/", method="POST").status_code == 403


def test_a_head_request_is_answered_without_a_page(app):
    answer = app.get("/static/style.css", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("place", ["/", "/no/such/page", "/static/style.css"])
def test_every_answer_forbids_what_is_not_ours(app, place):
    headers = app.get(place).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if place.startswith("/static") else "no-store")
    assert "server" not in headers


def test_no_page_has_script_or_style_of_its_own_or_asks_anybody_else():
    for template in (FOLDER / "templates").iterdir():
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template.name
        assert "://" not in text, template.name
        assert "|safe" not in text, template.name
    for file in (FOLDER / "static").iterdir():
        assert "://" not in file.read_text().replace('"http://www.w3.org/2000/svg"', ""), file.name


def test_the_viewer_ready_to_answer_has_loaded_no_dicom_no_model_and_no_queue(tmp_path, empty_database):
    code = """
import json, sys
from core.settings import Settings
from db import schema
from db.session import Sessions, make_engine
import viewer.server
from viewer.app import make_app
engine = make_engine(sys.argv[2])
schema.check(engine)
make_app(Settings(home=sys.argv[1]), Sessions(engine))
print(json.dumps(sorted(sys.modules)))
"""
    command = [sys.executable, "-c", code, str(tmp_path), f"sqlite:///{empty_database}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    forbidden = {
        "pydicom",
        "pynetdicom",
        "tensorflow",
        "keras",
        "ai_edge_litert",
        "celery",
        "kombu",
        "alembic",
        "dicom_node",
        "models",
    }
    assert forbidden & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize(
    "place",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..\\app.py"],
)
def test_no_address_leads_out_of_the_folder_that_is_shown(app, place):
    answer = app.get(place)
    assert answer.status_code in {401, 404}
    assert "make_app" not in answer.text


def test_a_port_in_use_is_one_sentence(tmp_path):
    settings = Settings(home=tmp_path, web_port=free_port())
    with server.listen(settings), pytest.raises(PerfuscopeError, match=r"cannot serve pages on 127.0.0.1 port \d+ \("):
        server.listen(settings)


def test_a_token_is_good_for_one_address_of_one_login_and_for_half_a_day():
    now = [1_000_000.0]
    seen, own, other = Seen(clock=lambda: now[0]), uuid4(), uuid4()
    token = seen.token("/a", own)
    assert seen.holds("/a", token, own)
    assert seen.holds("/b", seen.also(token, "/b", own), own)
    assert not seen.holds("/b", token, own)
    assert not seen.holds("/a", token, other)
    assert not seen.holds("/a", token[:-1] + ("0" if token[-1] != "0" else "1"), own)
    assert not any(seen.holds("/a", bad, own) for bad in ("", ".", "x.y", "9" * 30, "٣.x", "1000000.ü"))
    assert Seen(clock=lambda: now[0]).holds("/a", token, own)
    now[0] += 12 * 3600
    assert not seen.holds("/a", token, own)
