"""Cookies and tokens that nobody was given, that are over, or that were given to somebody else."""

from datetime import timedelta

import entry
import httpx
import pytest
from entry import PASSWORD, Browser, user
from sqlalchemy import func, select

from core import passwords
from core.roles import Role, Scope
from core.settings import Settings
from db import api_tokens, login_attempts, users
from db.access_tables import LoginAttempt, WebSession
from db.users import Hand
from viewer.app import make_app

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_login.py asks both where they could differ."""
    return "sqlite"


@pytest.fixture
def sessions(sessions_by_clock):
    return sessions_by_clock


@pytest.fixture
def application(tmp_path, sessions):
    user(sessions, "ada", Role.ADMIN, password=passwords.hashed(PASSWORD))
    return make_app(Settings(home=tmp_path), sessions)


def cookies_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_a_cookie_that_somebody_else_set_before_the_login_is_worth_nothing_after_it(application):
    planted = "perfuscope_8080=chosen-by-somebody-else"
    browser = Browser(application, headers={"Cookie": planted})
    browser.get("/login")
    answer = browser.post("/login", {"name": "ada", "password": PASSWORD})
    assert answer.status_code == 303
    assert cookies_of(answer) != planted
    assert Browser(application, headers={"Cookie": planted}).get("/").status_code == 401


def test_a_login_ends_the_one_that_the_browser_had_before(application, sessions):
    user(sessions, "bert", password=passwords.hashed(PASSWORD))
    browser = Browser(application, headers={"Cookie": entry.cookie(sessions, name="bert")})
    browser.get("/account")
    assert browser.post("/login", {"name": "ada", "password": PASSWORD}).status_code == 303
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(WebSession)) == 1


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t.swapcase(), lambda t: f" {t}x", lambda t: t * 2])
def test_an_altered_cookie_or_token_is_nobodys(application, sessions, change):
    name, _, value = entry.cookie(sessions, name="ada", role=Role.ADMIN).partition("=")
    assert Browser(application, headers={"Cookie": f"{name}={value}"}).get("/").status_code == 200
    assert Browser(application, headers={"Cookie": f"{name}={change(value)}"}).get("/").status_code == 401
    token = made(sessions)
    assert asked(application, token) == 200
    assert asked(application, change(token)) == 401


@pytest.mark.parametrize("kept", ["token_sha256", "id"])
def test_what_the_database_keeps_of_a_login_opens_nothing(application, sessions, kept):
    entry.cookie(sessions, name="ada", role=Role.ADMIN)
    with sessions.read() as session:
        value = getattr(session.scalars(select(WebSession)).one(), kept)
    assert Browser(application, headers={"Cookie": f"perfuscope_8080={value}"}).get("/").status_code == 401


def test_a_token_that_is_over_revoked_or_of_a_disabled_user_is_refused(application, sessions, clock):
    short, revoked, left = made(sessions, "short"), made(sessions, "revoked", days=9), made(sessions, "left", days=9)
    clock.turn(timedelta(days=2).total_seconds())
    assert asked(application, short) == 401
    with sessions.write() as session:
        token, owner = api_tokens.find(session, revoked)
        api_tokens.revoke(session, token, owner, by=hand(sessions, session))
    assert (asked(application, revoked), asked(application, left)) == (401, 200)
    user(sessions, "other", Role.ADMIN)
    with sessions.write() as session:
        users.disable(session, users.named(session, "ada"), by=hand(sessions, session))
    assert asked(application, left) == 401


@pytest.mark.parametrize("header", ["Basic YWRhOng=", "Bearer", "Bearer ", "bearer null", "Token x", "Bearer ' OR 1=1"])
def test_a_login_or_token_of_another_kind_is_nobodys(application, sessions, header):
    cookie = entry.cookie(sessions, name="ada", role=Role.ADMIN)
    browser = Browser(application, headers={"Cookie": cookie, "Authorization": header})
    assert browser.get("/api/v1/studies").status_code == 401


def test_a_name_and_password_in_an_address_spare_no_form_its_token(application):
    browser = Browser(application)
    browser.get("/login")
    answer = browser.post("/login", {"name": "ada", "password": PASSWORD}, csrf="x", Authorization="Basic YTpi")
    assert answer.status_code == 403


def test_neighbours_in_one_ipv6_network_are_counted_as_one_place(application, sessions, clock):
    with sessions.write() as session:
        for number in range(login_attempts.PER_ADDRESS):
            login_attempts.failed(session, f"{number:032x}", f"2001:db8:1:2::{number:x}", now=clock.now)
        session.flush()
        for address, locked in (("2001:db8:1:2:ffff::1", True), ("2001:db8:1:3::1", False), ("10.0.0.1", False)):
            until = login_attempts.locked_until(session, "f" * 32, address, now=clock.now)
            assert (until is not None) is locked, address
        assert session.scalars(select(LoginAttempt.address).distinct()).all() == ["2001:db8:1:2::/64"]


def made(sessions, label: str = "program", *, days: int = 1) -> str:
    owner = user(sessions, "ada", Role.ADMIN)
    with sessions.write() as session:
        return api_tokens.add(session, owner, label, Scope, days=days, by=hand(sessions, session))


def hand(sessions, session) -> Hand:
    return Hand("os:tester", sessions.now(session))


def asked(application, token: str) -> int:
    return Browser(application, headers={"Authorization": f"Bearer {token}"}).get("/api/v1/studies").status_code
