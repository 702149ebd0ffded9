"""What the doctor says of the pages: who may log in, whether they may be served, and whether they answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cli.doctor import pages
from core.finding import Level
from core.roles import Role
from core.settings import Settings
from db import users
from db.users import Hand, NewPassword

PASSWORD = "a long enough phrase"


@pytest.fixture
def database() -> str:
    """The node's role on PostgreSQL, which may not read users, is another test."""
    return "sqlite"


def beyond(tmp_path: Path) -> Settings:
    """Settings of a hospital: the pages stand behind a proxy."""
    return Settings(home=tmp_path, web_host="0.0.0.0", web={"proxies": ["127.0.0.1"], "names": ["pages.example"]})


def test_nobody_to_log_in_is_a_warning_here_and_a_failure_where_others_would_be_let_in(ward, tmp_path):
    here, elsewhere = (pages.users(one, ward.sessions) for one in (Settings(home=tmp_path), beyond(tmp_path)))
    assert (here.level, here.said) == (Level.WARN, "nobody may log in to the pages")
    assert (elsewhere.level, elsewhere.said) == (
        Level.FAIL,
        "nobody may log in, so the pages refuse to be served on 0.0.0.0",
    )
    assert {here.todo, elsewhere.todo} == {"Run: perfuscope user add NAME --role admin"}


def test_users_are_counted_without_the_disabled_and_an_administrator_is_missed(ward, tmp_path, cheap_passwords):
    settings, by = Settings(home=tmp_path), Hand(actor="os:test", now=ward.clock.now)
    with ward.sessions.write() as session:
        users.add(session, Role.READER, NewPassword.of(PASSWORD, name="rita"), must_change=False, by=by)
        gone = users.add(session, Role.READER, NewPassword.of(PASSWORD, name="gone"), must_change=False, by=by)
        session.flush()
        users.disable(session, gone, by=by)
    found = pages.users(settings, ward.sessions)
    assert (found.level, found.said) == (Level.WARN, "1 may log in, 0 of them as administrator")
    with ward.sessions.write() as session:
        users.add(session, Role.ADMIN, NewPassword.of(PASSWORD, name="lara"), must_change=False, by=by)
    found = pages.users(settings, ward.sessions)
    assert (found.level, found.said) == (Level.OK, "2 may log in, 1 of them as administrator")


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/login" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_pages_that_answer_that_fail_and_that_are_not_there(tmp_path, port, monkeypatch):
    (found,) = pages.served(Settings(home=tmp_path, web_port=port))
    assert (found.level, found.said) == (Level.OK, f"answer on 127.0.0.1 port {port}")
    monkeypatch.setattr(Answer, "status", 500)
    (found,) = pages.served(Settings(home=tmp_path, web_port=port))
    assert (found.level, found.todo) == (Level.FAIL, "See the viewer's log.")
    (found,) = pages.served(Settings(home=tmp_path, web_port=1))
    assert (found.level, found.said) == (Level.WARN, "nothing answers on 127.0.0.1 port 1 (ConnectionRefusedError)")


def test_a_certificate_that_is_none_is_told_before_anybody_wonders_why_nothing_is_served(tmp_path):
    (tmp_path / "x.pem").write_text("no certificate")
    web = {"certificate": str(tmp_path / "x.pem"), "key": str(tmp_path / "x.pem")}
    (found,) = pages.served(Settings(home=tmp_path, web=web))
    assert found.level is Level.FAIL
    assert "so the pages refuse to be served" in found.said
    web["key"] = str(tmp_path / "missing.pem")
    (found,) = pages.served(Settings(home=tmp_path, web=web))
    assert found.level is Level.FAIL
