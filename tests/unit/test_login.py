"""Logging in and out: who gets in, for how long, and what is written down of it."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from entry import PASSWORD, Browser, once_of, user
from harness import until
from sqlalchemy import select

from core import passwords
from core.roles import Role
from core.settings import Settings
from core.settings_web import WebSettings
from core.types import AuditAction
from db import audit, login_attempts, users
from db.access_tables import User, WebSession
from db.session import Sessions
from db.tables import AuditEvent
from db.users import Hand, NewPassword
from viewer import turnstile
from viewer.app import make_app
from viewer.turnstile import Turnstile


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> str:
    """One is enough where nothing is asked of it that they could answer differently."""
    return str(request.param)


on_both = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def kept(cheap_passwords) -> str:
    """The hash of the password."""
    return passwords.hashed(PASSWORD)


@pytest.fixture
def sessions(sessions_by_clock):
    return sessions_by_clock


@pytest.fixture
def application(tmp_path, sessions, kept):
    user(sessions, "ada", Role.READER, password=kept)
    return make_app(Settings(home=tmp_path, web=WebSettings(session_hours=2)), sessions)


@pytest.fixture
def browser(application) -> Browser:
    return Browser(application)


def told(sessions) -> list[tuple[str, str, str]]:
    """The audit trail, but what is no matter of logins."""
    with sessions.read() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.at))
        return [(e.action.value, e.actor, e.detail) for e in events if e.action is not AuditAction.VIEW]


def test_whoever_is_not_logged_in_goes_to_the_login_and_comes_back(browser):
    answer = browser.get("/?show=normal&seen=1.x", Accept="text/html")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/%3Fshow%3Dnormal")
    browser.get(answer.headers["location"])
    answer = browser.post("/login", {"name": "Ada ", "password": PASSWORD, "next": "/?show=normal"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?show=normal")
    assert browser.get("/?show=normal").status_code == 200


@on_both
def test_a_login_is_written_down_and_so_is_its_end(browser, sessions):
    browser.log_in("ada")
    browser.get("/account")
    answer = browser.post("/logout")
    assert answer.headers["location"] == "/login"
    assert browser.get("/").status_code == 401
    assert told(sessions) == [("login", "user:ada", "address=127.0.0.1"), ("logout", "user:ada", "")]


@pytest.mark.parametrize(
    "place",
    [
        *("https://evil.example/", "//evil.example", "/\\evil.example", "/login", "/logout", "javascript:alert(1)"),
        *("/a b", "/\r\nSet-Cookie: x=1", "/" + "a" * 500, "", "studies", "/api/v1/studies.csv"),
    ],
)
def test_nobody_is_sent_elsewhere_by_a_login(browser, place):
    answer = browser.log_in("ada", next=place)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_new_at_each_login(browser):
    browser.get("/login")
    before = dict(browser.cookies)
    answer = browser.post("/login", {"name": "ada", "password": PASSWORD})
    said = answer.headers["set-cookie"]
    assert said.startswith("perfuscope_8080=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(said.split("; "))
    assert dict(browser.cookies) != before
    assert not any(word in said for word in ("Max-Age", "expires", "Domain"))


def test_the_database_holds_neither_the_token_nor_the_password(browser, sessions):
    browser.log_in("ada")
    (token,) = browser.cookies.values()
    with sessions.read() as session:
        row, owner = session.scalar(select(WebSession)), session.scalar(select(User))
    assert token not in row.token_sha256
    assert owner.password.startswith("$argon2id$")


def test_a_wrong_password_an_unknown_and_a_disabled_name_get_the_same_answer(browser, sessions, kept):
    gone = user(sessions, "gone", password=kept)
    with sessions.write() as session:
        session.get_one(User, gone.id).disabled_at = sessions.now(session)
    answers = [browser.log_in("ada", "wrong"), browser.log_in("nobody-here"), browser.log_in("gone")]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({browser.csrf and answer.text.replace(browser.csrf, "") for answer in answers}) == 1
    assert told(sessions) == [
        ("refuse", "web", "login wrong_password address=127.0.0.1"),
        ("refuse", "web", "login unknown_name address=127.0.0.1"),
        ("refuse", "web", "login disabled address=127.0.0.1"),
    ]


@on_both
@pytest.mark.parametrize("name", ["ada", "nobody-here"])
def test_after_five_wrong_passwords_even_the_right_one_waits(browser, sessions, clock, name):
    statuses = [browser.log_in(name, "wrong").status_code for _ in range(5)]
    assert statuses == [401] * 4 + [429]
    answer = browser.log_in(name)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert "Try again in 15 minutes" in answer.text
    assert told(sessions)[-1][2].endswith(" locked")
    clock.turn(14 * 60)
    assert browser.log_in(name).status_code == 429
    clock.turn(61)
    assert browser.log_in(name).status_code == (303 if name == "ada" else 401)
    assert len(told(sessions)) == 6


def test_failures_long_ago_and_those_before_a_login_do_not_count(browser, clock):
    for _ in range(4):
        browser.log_in("ada", "wrong")
    assert browser.log_in("ada").status_code == 303
    browser.cookies.clear()
    assert [browser.log_in("ada", "wrong").status_code for _ in range(4)] == [401] * 4
    clock.turn(16 * 60)
    assert browser.log_in("ada", "wrong").status_code == 401


def test_whoever_is_locked_out_is_let_in_again_by_an_administrator(browser, sessions):
    for _ in range(5):
        browser.log_in("ada", "wrong")
    with sessions.write() as session:
        users.unlock(session, users.named(session, "ada"), by=Hand("os:tester", sessions.now(session)))
    assert browser.log_in("ada").status_code == 303


def test_an_open_login_outlives_the_lock_that_somebody_else_brings_about(application, browser):
    browser.log_in("ada")
    stranger = Browser(application)
    for _ in range(6):
        stranger.log_in("ada", "wrong")
    assert browser.get("/").status_code == 200


def test_an_address_that_tries_many_names_waits_and_another_does_not(sessions, application, clock):
    with sessions.write() as session:
        for number in range(login_attempts.PER_ADDRESS):
            login_attempts.failed(session, f"{number:032x}", "127.0.0.1", now=clock.now)
    assert Browser(application).log_in("ada").status_code == 429
    assert Browser(application, client="127.0.0.2").log_in("ada").status_code == 303


def test_tries_at_the_same_time_are_counted_one_after_the_other(application, sessions):
    answers: list[int] = []

    def attempt() -> None:
        answers.append(Browser(application).log_in("ada", "wrong").status_code)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [401] * 4 + [429] * 4


def test_a_crowd_at_the_login_is_sent_away_at_once(application, monkeypatch):
    browser, at_work, go_on = Browser(application), threading.Semaphore(0), threading.Event()
    browser.get("/login")

    def slow(_kept: str | None, _password: str) -> bool:
        at_work.release()
        return not go_on.wait(20)

    monkeypatch.setattr(passwords, "matches", slow)
    monkeypatch.setattr(turnstile, "_PATIENCE_S", 60)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(Browser(application).log_in("ada").status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    assert at_work.acquire(timeout=20)
    until(lambda: answers.count(503) == 4, 20, "four were sent away")
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert (answers.count(503), answers.count(401) + answers.count(429)) == (4, 8)


@on_both
def test_a_login_ends_when_its_user_is_away_and_after_some_hours_in_any_case(browser, clock):
    browser.log_in("ada")
    for _ in range(3):
        clock.turn(29 * 60)
        assert browser.get("/account").status_code == 200
    clock.turn(30 * 60 + 1)
    assert browser.get("/account").status_code == 401
    browser.log_in("ada")
    for _ in range(4):
        clock.turn(29 * 60)
        assert browser.get("/account").status_code == 200
    clock.turn(4 * 60 + 1)
    assert browser.get("/account").status_code == 401


def test_a_page_that_only_keeps_itself_up_to_date_is_nobody_being_there(browser, clock):
    browser.log_in("ada")
    for _ in range(2):
        clock.turn(14 * 60)
        for place in ("/?seen=1.x", "/"):
            assert browser.get(place, Sec_Fetch_Mode="cors").status_code == 200
    clock.turn(3 * 60)
    assert browser.get("/", Sec_Fetch_Mode="navigate").status_code == 401


def change_ada(sessions: Sessions, change: str) -> None:
    with sessions.write() as session:
        ada, by = users.named(session, "ada"), Hand("os:tester", sessions.now(session))
        new = NewPassword.of("another quiet lantern", name="ada")
        if change == "disable":
            users.disable(session, ada, by=by)
        elif change == "enable":
            users.enable(session, ada, by=by)
        elif change == "role":
            users.set_role(session, ada, Role.AUDITOR, by=by)
        else:
            users.set_password(session, ada, new, must_change=False, by=by)


@on_both
@pytest.mark.parametrize("change", ["disable", "role", "password"])
def test_a_login_ends_at_once_when_its_user_is_changed(browser, sessions, change):
    browser.log_in("ada")
    change_ada(sessions, change)
    assert browser.get("/").status_code == 401


@pytest.fixture
def meanwhile(monkeypatch) -> Callable[[Callable[[], object]], None]:
    """Has something done once, by somebody else, just after a password was found right."""

    def arrange(then: Callable[[], object]) -> None:
        check, waiting = Turnstile.check, [then]

        def checked(*arguments: str) -> object:
            verdict = check(*arguments)
            while waiting:
                waiting.pop()()
            return verdict

        monkeypatch.setattr(Turnstile, "check", checked)

    return arrange


@on_both
@pytest.mark.parametrize("change", ["disable", "password"])
def test_whoever_is_changed_after_the_password_was_checked_is_not_let_in(browser, sessions, meanwhile, change):
    meanwhile(lambda: change_ada(sessions, change))
    answer = browser.log_in("ada")
    assert (answer.status_code, "do not belong together" in answer.text) == (401, True)
    assert ("refuse", "web", "login changed_meanwhile address=127.0.0.1") in told(sessions)
    change_ada(sessions, "enable")
    assert browser.get("/").status_code == 401
    with sessions.read() as session:
        assert session.scalar(select(WebSession)) is None


NEW = {"password": PASSWORD} | dict.fromkeys(("new", "again"), "five slow green trams")


@on_both
def test_of_two_who_change_a_password_by_the_same_old_one_the_first_has(application, browser, meanwhile):
    thief = Browser(application)
    for one in (browser, thief):
        one.log_in("ada")
        one.get("/account")
    meanwhile(lambda: browser.post("/account/password", NEW))
    answer = thief.post("/account/password", NEW | dict.fromkeys(("new", "again"), "the words of a thief"))
    assert (answer.status_code, "The password you have now was not right." in answer.text) == (422, True)
    assert [one.get("/").status_code for one in (browser, thief)] == [200, 401]
    assert Browser(application).log_in("ada", NEW["new"]).status_code == 303


@on_both
def test_whoever_is_disabled_while_changing_the_password_has_the_old_one_and_no_login(browser, sessions, meanwhile):
    browser.log_in("ada")
    browser.get("/account")
    meanwhile(lambda: change_ada(sessions, "disable"))
    assert browser.post("/account/password", NEW).status_code == 422
    change_ada(sessions, "enable")
    assert browser.get("/").status_code == 401
    assert browser.log_in("ada").status_code == 303


@on_both
def test_a_hash_of_older_costs_is_made_anew_by_the_login_that_it_lets_in(browser, sessions, kept, monkeypatch):
    monkeypatch.setattr(passwords, "outdated", lambda hashed: hashed == kept)
    assert browser.log_in("ada").status_code == 303
    with sessions.read() as session:
        assert users.named(session, "ada").password != kept
    assert browser.get("/").status_code == 200


@on_both
@pytest.mark.parametrize("change", ["disable", "password"])
def test_whoever_is_changed_while_the_hash_is_made_anew_is_not_let_in(browser, sessions, kept, monkeypatch, change):
    hashed, waiting = passwords.hashed, [lambda: change_ada(sessions, change)]

    def slowly(password: str) -> str:
        while waiting:
            waiting.pop()()
        return hashed(password)

    monkeypatch.setattr(passwords, "outdated", lambda hash_: hash_ == kept)
    monkeypatch.setattr(passwords, "hashed", slowly)
    assert browser.log_in("ada").status_code == 401
    assert ("refuse", "web", "login changed_meanwhile address=127.0.0.1") in told(sessions)
    with sessions.read() as session:
        assert passwords.matches(users.named(session, "ada").password, PASSWORD) is (change == "disable")


def test_nobody_who_writes_waits_while_a_password_is_hashed(browser, sessions, kept, monkeypatch):
    hashed, told_of = passwords.hashed, []

    def slowly(password: str) -> str:
        with sessions.write() as session:  # SQLite lets nobody else in while somebody writes
            audit.record(session, AuditAction.START, actor="os:other", now=sessions.now(session))
        told_of.append(password)
        return hashed(password)

    user(sessions, "root", Role.ADMIN, password=kept)
    monkeypatch.setattr(passwords, "hashed", slowly)
    with monkeypatch.context() as older:
        older.setattr(passwords, "outdated", lambda hash_: hash_ == kept)
        assert browser.log_in("root").status_code == 303
    browser.get("/admin/users")
    assert browser.post("/admin/users", {"name": "grace", "role": "reader"}).status_code == 200
    with sessions.read() as session:
        grace = users.named(session, "grace").id
    place = f"/admin/users/{grace}"
    once = once_of(browser.get("/admin/users").text, place)
    assert browser.post(place, {"do": "password", "once": once}).status_code == 200
    assert browser.post(f"/admin/users/{uuid4()}", {"do": "password"}).status_code == 404
    browser.get("/account")
    assert browser.post("/account/password", NEW).status_code == 303
    assert len(told_of) == 4


@pytest.mark.parametrize("forged", ["x", "", "a" * 4000, "' OR 1=1 --", "%00", "{}", '"quoted\\', "ü"])
def test_a_forged_cookie_is_nobody(browser, forged):
    answer = browser.ask("GET", "/", headers={"Cookie": f"perfuscope_8080={forged}".encode()})
    assert answer.status_code == 401


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "' OR '1'='1", "a" * 60_000, "\x00", "\uff41da"])
def test_whatever_is_typed_as_a_name_is_refused_and_not_shown(browser, sessions, hostile):
    answer = browser.log_in(hostile)
    assert answer.status_code == 401
    assert hostile not in answer.text
    assert all(hostile not in detail for *_, detail in told(sessions))


def test_without_users_the_page_says_how_to_make_the_first(tmp_path, sessions):
    page = Browser(make_app(Settings(home=tmp_path), sessions)).get("/login").text
    assert "perfuscope user add NAME --role admin" in page
    assert "password" not in page.replace("/login", "")


def test_a_password_that_somebody_else_set_must_be_changed_before_anything_else(browser, sessions):
    with sessions.write() as session:
        users.named(session, "ada").must_change = True
    browser.log_in("ada")
    assert browser.get("/").headers["location"] == "/account"
    browser.get("/account")
    fields = {"password": PASSWORD, "new": "five slow green trams", "again": "five slow green trams"}
    assert "twice alike" in browser.post("/account/password", fields | {"again": "x"}).text
    assert "was not right" in browser.post("/account/password", fields | {"password": "x"}).text
    assert (
        "is the one you have now"
        in browser.post("/account/password", fields | dict.fromkeys(("new", "again"), PASSWORD)).text
    )
    assert "12 to 128 characters" in browser.post("/account/password", fields | {"new": "short", "again": "short"}).text
    assert browser.post("/account/password", fields).status_code == 303
    assert browser.get("/").status_code == 200
    browser.cookies.clear()
    assert browser.log_in("ada").status_code == 401
    assert browser.log_in("ada", "five slow green trams").status_code == 303


def test_whoever_may_not_try_now_is_not_told_that_the_password_was_wrong(application, browser, monkeypatch):
    fields = {"password": PASSWORD, "new": "five slow green trams", "again": "five slow green trams"}
    browser.log_in("ada")
    browser.get("/account")
    with monkeypatch.context() as patched:
        patched.setattr(turnstile.Turnstile, "check", lambda *_: turnstile.Wrong.BUSY)
        busy = browser.post("/account/password", fields)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    assert "Try again in a moment" in busy.text
    stranger = Browser(application)
    for _ in range(5):
        stranger.log_in("ada", "wrong")
    locked = browser.post("/account/password", fields)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "900")
    assert "Try again in 15 minutes" in locked.text
    assert not any("was not right" in answer.text for answer in (busy, locked))


def test_everywhere_else_can_be_logged_out_from_here_and_that_is_written_down(application, browser, sessions):
    elsewhere = Browser(application)
    elsewhere.log_in("ada")
    browser.log_in("ada")
    browser.get("/account")
    assert browser.post("/account/leave").status_code == 303
    assert (browser.get("/").status_code, elsewhere.get("/").status_code) == (200, 401)
    assert ("logout", "user:ada", "elsewhere=1") in told(sessions)


def test_a_reader_who_asks_for_an_administrators_page_is_refused_and_written_down(browser, sessions):
    browser.log_in("ada")
    answer = browser.get("/admin/users")
    assert (answer.status_code, "Not yours" in answer.text) == (403, True)
    assert told(sessions)[-1] == ("refuse", "user:ada", "GET /admin/users")
