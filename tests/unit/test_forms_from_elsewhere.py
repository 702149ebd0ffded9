"""A form is taken from our own pages, of this login, and from nowhere else."""

import pytest
from entry import PASSWORD, Browser, cookie, user
from fastapi import FastAPI, Request, Response

from core import passwords
from core.roles import Role, Scope
from core.settings import Settings
from core.settings_web import WebSettings
from db import api_tokens
from db.users import Hand
from viewer import csrf
from viewer.app import make_app
from viewer.cookie import Cookie
from viewer.csrf import FormGuard
from viewer.guard import Guard

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NEW = {"name": "grace", "role": "reader"}


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_login.py asks both where they could differ."""
    return "sqlite"


@pytest.fixture
def application(tmp_path, sessions):
    return make_app(Settings(home=tmp_path), sessions)


@pytest.fixture
def browser(application, sessions) -> Browser:
    """An administrator with the page of users open."""
    made = Browser(application, headers={"Cookie": cookie(sessions, name="root", role=Role.ADMIN)})
    made.get("/admin/users")
    return made


def test_a_form_of_ours_is_taken(browser):
    answer = browser.post("/admin/users", NEW)
    assert (answer.status_code, "grace may log in with this password" in answer.text) == (200, True)


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "é"])
def test_a_form_without_the_right_token_is_refused(browser, token):
    answer = browser.post("/admin/users", NEW, csrf=token)
    assert (answer.status_code, "Send it again" in answer.text) == (403, True)
    assert "grace" not in browser.get("/admin/users").text


def test_a_form_without_any_token_or_with_two_is_refused(browser):
    assert browser.ask("POST", "/admin/users", data=NEW).status_code == 403
    assert browser.ask("POST", "/admin/users", data={**NEW, "csrf": [browser.csrf, "x"]}).status_code == 403


@pytest.mark.parametrize(
    "said",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "https://127.0.0.1:8080"},
    ],
)
def test_a_form_that_the_browser_says_is_from_elsewhere_is_refused(browser, said):
    assert browser.post("/admin/users", NEW, **said).status_code == 403


@pytest.mark.parametrize(
    "said", [{"Sec_Fetch_Site": "same-origin", "Origin": "http://127.0.0.1:8080"}, {"Origin": "null"}]
)
def test_a_form_that_the_browser_says_is_from_here_is_taken(browser, said):
    assert browser.post("/admin/users", NEW, **said).status_code == 200


def test_a_form_of_another_login_or_of_before_the_logout_is_refused(application, browser, sessions):
    old = browser.csrf
    browser.headers = {"Cookie": cookie(sessions, name="root", role=Role.ADMIN)}
    assert browser.post("/admin/users", NEW, csrf=old).status_code == 403
    browser.get("/admin/users")
    kept = browser.csrf
    assert browser.post("/logout").status_code == 303
    assert browser.post("/admin/users", NEW, csrf=kept).status_code == 401


def test_a_form_sent_a_second_time_makes_nothing_twice(browser):
    browser.post("/admin/users", NEW)
    answer = browser.post("/admin/users", NEW)
    assert (answer.status_code, "already" in answer.text) == (422, True)


def test_a_login_needs_the_form_that_this_browser_was_given(application, sessions):
    user(sessions, "ada", password=passwords.hashed(PASSWORD))
    one, other = Browser(application), Browser(application)
    one.get("/login")
    other.get("/login")
    fields, own = {"name": "ada", "password": PASSWORD}, one.csrf
    assert one.post("/login", fields, csrf=other.csrf).status_code == 403
    assert one.post("/login", fields, csrf=own).status_code == 303


def test_a_large_form_is_refused_before_it_is_read_whole(browser):
    assert browser.post("/admin/users", {**NEW, "more": "a" * 70_000}).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/json", ""])
def test_what_is_no_form_is_refused(browser, kind):
    sent = {"content": f"csrf={browser.csrf}&name=grace&role=reader", "headers": {"Content-Type": kind}}
    assert browser.ask("POST", "/admin/users", **sent).status_code == 403


def test_a_program_needs_no_form_and_its_token_opens_no_page(application, sessions):
    root = user(sessions, "root", Role.ADMIN)
    with sessions.write() as session:
        by = Hand("os:tester", sessions.now(session))
        token = api_tokens.add(session, root, "all", [Scope.STUDIES], days=1, by=by)
    program = Browser(
        application, headers={"Authorization": f"Bearer {token}", "Cookie": cookie(sessions, name="root")}
    )
    assert program.get("/admin/users").status_code == 403
    assert program.post("/admin/users", NEW, csrf="").status_code == 403


@pytest.fixture
def echo(application) -> Browser:
    """An application that says what it was sent, behind the same guards."""
    made = FastAPI(openapi_url=None)

    @made.post("/echo")
    async def said(request: Request) -> int:
        return len(await request.body())

    @made.get("/")
    def page() -> str:
        return ""

    made.add_middleware(FormGuard, cookie=Cookie(8080), refuse=lambda _request: Response(status_code=403))
    return Browser(Guard(made, WebSettings()), headers={"Cookie": "perfuscope_8080=abc"})


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_a_form_with_files_is_handed_on_whole_if_its_first_field_is_the_token(echo, size):
    files = {"csrf": (None, csrf.token("abc")), "file": ("a.dcm", b"\x00\r\n" * (size // 3), "application/dicom")}
    answer = echo.ask("POST", "/echo", files=files)
    assert answer.status_code == 200
    assert answer.json() > size - 3


def test_a_form_with_files_whose_token_is_wrong_or_comes_later_is_refused(echo):
    file = ("a.dcm", b"x" * 100_000, "application/dicom")
    assert echo.ask("POST", "/echo", files={"csrf": (None, "x"), "file": file}).status_code == 403
    assert echo.ask("POST", "/echo", files={"file": file, "csrf": (None, csrf.token("abc"))}).status_code == 403


def test_a_script_of_ours_may_send_the_token_as_a_header(echo):
    sent = {"content": b"{}", "headers": {"Content-Type": "application/json", "X-CSRF-Token": csrf.token("abc")}}
    assert echo.ask("POST", "/echo", **sent).json() == 2
