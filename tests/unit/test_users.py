"""Users, passwords and tokens: what is allowed, and that every change is written down."""

import os
import pwd
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from entry import PASSWORD, Browser, once_of
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import select

from cli import operator
from core import passwords
from core.errors import PerfuscopeError
from core.roles import Role, Scope
from core.settings import Settings
from core.settings_web import WebSettings
from core.types import AuditAction
from db import api_tokens, users
from db.access_tables import ApiToken
from db.tables import AuditEvent
from db.users import Hand, NewPassword
from viewer.access import allowed, principal
from viewer.app import make_app
from viewer.cookie import Cookie
from viewer.door import Door, limits_of
from viewer.guard import Guard


@pytest.fixture
def sessions(sessions_by_clock):
    return sessions_by_clock


@pytest.fixture
def by(clock) -> Hand:
    return Hand("os:tester", clock.now)


pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> str:
    """One of the two is enough here; test_login.py asks both where they could differ."""
    return str(request.param)


def add(sessions, by, name="ada", role=Role.READER, password=PASSWORD):
    new = NewPassword.of(password, name=name)
    with sessions.write() as session:
        return users.add(session, role, new, must_change=False, by=by)


@pytest.mark.parametrize("name", ["", "a", "1ada", "ada lovelace", "a" * 33, "a/b", "<b>", "ädä", "ada\n"])
def test_a_name_that_is_not_allowed_says_what_is(sessions, by, name):
    if name == "ada\n":
        assert add(sessions, by, name).name == "ada"
        return
    with pytest.raises(PerfuscopeError, match="2 to 32 of a-z"):
        add(sessions, by, name)


def test_a_name_is_never_given_twice_whatever_its_letters(sessions, by):
    add(sessions, by, "Ada")
    with pytest.raises(PerfuscopeError, match="never given twice"):
        add(sessions, by, "ADA")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "12 to 128"),
        ("a" * 129, "12 to 128"),
        ("aaaaaaaaaaaaaaaa", "first that anybody"),
        ("Password-2026!", "first that anybody"),
        ("perfuscope12345", "first that anybody"),
        ("ada is my first name", "user's name"),
        ("seven\tquiet lanterns", "control"),
    ],
)
def test_a_weak_password_says_why_and_is_not_repeated(sessions, by, password, why):
    with pytest.raises(PerfuscopeError, match=why) as caught:
        add(sessions, by, password=password)
    assert password not in str(caught.value)


def test_a_password_is_the_same_whatever_the_keyboard_composed():
    kept = passwords.hashed("schöne grüne Äpfel")
    assert passwords.matches(kept, "scho\u0308ne gru\u0308ne A\u0308pfel")
    assert not passwords.matches(kept, "schone grune Apfel")
    assert not passwords.matches("no hash", "no hash")
    assert not passwords.matches(None, "")


def test_a_made_up_password_is_allowed_and_never_the_same():
    made = {passwords.made_up() for _ in range(50)}
    assert len(made) == 50
    assert all(passwords.weakness(one, name="ada") is None for one in made)


def test_the_last_administrator_stays_one(sessions, by):
    root = add(sessions, by, "root", Role.ADMIN)
    for change in (users.disable, lambda s, u, by: users.set_role(s, u, Role.READER, by=by)):
        with pytest.raises(PerfuscopeError, match="root is the last administrator"), sessions.write() as session:
            change(session, users.named(session, root.name), by=by)
    add(sessions, by, "other", Role.ADMIN)
    with sessions.write() as session:
        users.disable(session, users.named(session, "root"), by=by)
    with pytest.raises(PerfuscopeError, match="other is the last"), sessions.write() as session:
        users.disable(session, users.named(session, "other"), by=by)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_two_administrators_who_take_each_other_away_at_once_leave_one(sessions, by):
    names = ("root", "other")
    for name in names:
        add(sessions, by, name, Role.ADMIN)
    said: list[str] = []
    both = threading.Barrier(2)

    def take_away(name: str) -> None:
        both.wait(20)
        try:
            with sessions.write() as session:
                users.disable(session, users.named(session, name), by=by)
                session.flush()
                time.sleep(0.1)
        except PerfuscopeError as error:
            said.append(str(error))

    threads = [threading.Thread(target=take_away, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with sessions.read() as session:
        left = [user.name for user in users.listed(session) if user.disabled_at is None]
    assert (len(left), len(said)) == (1, 1)


def test_a_command_is_its_system_users_whatever_the_environment_says(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert operator.actor() == f"os:{pwd.getpwuid(os.getuid()).pw_name}"


def test_every_change_of_users_and_tokens_is_written_down(sessions, by):
    add(sessions, by)
    with sessions.write() as session:
        ada = users.named(session, "ADA")
        users.set_role(session, ada, Role.AUDITOR, by=by)
        users.set_role(session, ada, Role.AUDITOR, by=by)
        users.set_password(session, ada, NewPassword.of("other quiet lanterns", name="ada"), must_change=True, by=by)
        api_tokens.add(session, ada, "siem", [Scope.AUDIT], days=7, by=by)
        session.flush()
        api_tokens.revoke(session, session.scalar(select(ApiToken)), ada, by=by)
        users.disable(session, ada, by=by)
        users.enable(session, ada, by=by)
        users.unlock(session, ada, by=by)
    with sessions.read() as session:
        kinds = (AuditAction.USER, AuditAction.TOKEN)
        events = session.scalars(select(AuditEvent).where(AuditEvent.action.in_(kinds)))
        found = {(event.actor, event.detail) for event in events}
    said = ["added role=reader", "role=auditor", "password", "disabled", "enabled", "unlocked"]
    expected = {f"ada {what}" for what in said} | {"ada/siem added days=7 audit", "ada/siem revoked"}
    assert found == {("os:tester", what) for what in expected}


def test_an_unknown_user_is_told_with_those_there_are(sessions, by):
    add(sessions, by)
    with pytest.raises(PerfuscopeError, match="no user 'bob'; known are: ada"), sessions.read() as session:
        users.named(session, "bob")


# Tokens


@pytest.fixture
def api(sessions) -> Browser:
    """An address for programs, which says who asks, behind the guards."""
    made = FastAPI(openapi_url=None)
    made.state.gate = Door(sessions, Cookie(8080), limits_of(WebSettings()))
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(allowed(Role.READER, scope="studies"))])

    @router.get("/me")
    def me(request: Request) -> str:
        return principal(request).actor

    made.include_router(router)
    return Browser(Guard(made, WebSettings()))


def token_of(sessions, by, *scopes: Scope, role=Role.ADMIN, label="pacs-sync", days=30) -> str:
    owner = add(sessions, by, role=role)
    with sessions.write() as session:
        return api_tokens.add(session, session.merge(owner), label, scopes, days=days, by=by)


def ask(api: Browser, token: str, scheme: str = "Bearer"):
    return api.get("/api/v1/me", Authorization=f"{scheme} {token}")


def test_a_token_opens_what_its_scope_names_and_says_who_asks(api, sessions, by):
    token = token_of(sessions, by, Scope.STUDIES, Scope.REPORTS)
    for scheme in ("Bearer", "bearer"):
        answer = ask(api, token, scheme)
        assert (answer.status_code, answer.json()) == (200, "token:ada/pacs-sync")
    with sessions.read() as session:
        row = session.scalar(select(ApiToken))
        assert (row.last_used_at, token in row.token_sha256) == (by.now, False)


def test_a_token_of_another_scope_or_of_a_user_of_another_role_is_refused(api, sessions, by):
    assert ask(api, token_of(sessions, by, Scope.STATISTICS)).status_code == 403
    with sessions.write() as session:
        ada = users.named(session, "ada")
        token = api_tokens.add(session, ada, "other", [Scope.STUDIES], days=1, by=by)
        ada.role = Role.AUDITOR
    assert ask(api, token).status_code == 403


def test_a_token_ends_when_its_day_comes_when_it_is_revoked_and_with_its_user(api, sessions, by, clock):
    token = token_of(sessions, by, Scope.STUDIES, days=1)
    clock.turn(24 * 3600 - 1)
    assert ask(api, token).status_code == 200
    clock.turn(1)
    assert ask(api, token).status_code == 401
    with sessions.write() as session:
        ada, later = users.named(session, "ada"), Hand("os:tester", clock.now)
        revoked = api_tokens.add(session, ada, "second", [Scope.STUDIES], days=9, by=later)
        disabled = api_tokens.add(session, ada, "third", [Scope.STUDIES], days=9, by=later)
        session.flush()
        row = session.scalar(select(ApiToken).where(ApiToken.label == "second"))
        api_tokens.revoke(session, row, ada, by=later)
    assert (ask(api, revoked).status_code, ask(api, disabled).status_code) == (401, 200)
    add(sessions, by, "boss", Role.ADMIN)
    with sessions.write() as session:
        users.disable(session, users.named(session, "ada"), by=by)
    assert ask(api, disabled).status_code == 401
    with sessions.read() as session:
        told = [e.detail for e in session.scalars(select(AuditEvent)) if e.action is AuditAction.REFUSE]
    assert told == ["token revoked"]  # the others were used a moment ago: one line a minute


@pytest.mark.parametrize("forged", ["", "pfs_", "pfs_" + "a" * 43, "x" * 5000, "pfs_' OR 1=1 --"])
def test_a_token_that_nobody_made_is_nobodys(api, sessions, by, forged):
    token_of(sessions, by, Scope.STUDIES)
    assert ask(api, forged).status_code == 401
    assert ask(api, "YWRhOmFkYQ==", "Basic").status_code == 401


@pytest.mark.parametrize(
    ("label", "scopes", "days", "why"),
    [
        ("UPPER", [Scope.STUDIES], 1, "label 'UPPER' is not allowed: 1 to 24"),
        ("a" * 25, [Scope.STUDIES], 1, "1 to 24"),
        ("x", [], 1, "at least one scope of: studies, predictions"),
        ("x", [Scope.STUDIES], 0, "lasts 1 to 366 days, not 0"),
        ("x", [Scope.STUDIES], 367, "lasts 1 to 366 days"),
        ("x", [Scope.STUDIES, Scope.AUDIT], 1, "ada is reader; programs of that role may not ask for audit, studies"),
    ],
)
def test_a_token_that_is_not_allowed_says_what_is(sessions, by, label, scopes, days, why):
    owner = add(sessions, by)
    with pytest.raises(PerfuscopeError, match=why), sessions.write() as session:
        api_tokens.add(session, owner, label, scopes, days=days, by=by)


def test_a_label_is_never_given_twice(sessions, by):
    token_of(sessions, by, Scope.STUDIES)
    with pytest.raises(PerfuscopeError, match="has had a token 'pacs-sync' already"), sessions.write() as session:
        api_tokens.add(session, users.named(session, "ada"), "pacs-sync", [Scope.STUDIES], days=1, by=by)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_of_two_who_give_a_name_or_a_label_at_once_the_second_is_told(sessions, by):
    owner, ada = add(sessions, by, "owner", Role.ADMIN), NewPassword.of(PASSWORD, name="ada")

    def token(session) -> None:
        api_tokens.add(session, users.named(session, owner.name), "pacs-sync", [Scope.STUDIES], days=1, by=by)

    def user(session) -> None:
        users.add(session, Role.READER, ada, must_change=False, by=by)

    for give, told in ((user, "a name is never given twice"), (token, "has had a token 'pacs-sync' already")):

        def second(give=give) -> None:
            with sessions.write() as session:
                give(session)

        with ThreadPoolExecutor() as pool:
            with sessions.write() as session:
                give(session)
                session.flush()
                waits = pool.submit(second)
                time.sleep(0.2)  # the first one is not committed yet
            with pytest.raises(PerfuscopeError, match=told):
                waits.result(20)


def test_the_longest_name_and_label_fit_the_audit_trail():
    from uuid import uuid4

    from viewer.access import Principal

    who = Principal("n" * 32, uuid4(), Role.ADMIN, "token", label="l" * 24)
    assert len(who.actor) <= 64


# The administrators' pages


@pytest.fixture
def root(tmp_path, sessions, by) -> Browser:
    add(sessions, by, "root", Role.ADMIN)
    browser = Browser(make_app(Settings(home=tmp_path), sessions))
    browser.log_in("root")
    browser.get("/admin/users")
    return browser


def test_an_administrator_adds_a_user_who_must_change_the_password(root, tmp_path, sessions):
    page = root.post("/admin/users", {"name": "ada", "role": "reader"}).text
    password = page.partition("<code>")[2].partition("</code>")[0]
    assert password not in root.get("/admin/users").text
    ada = Browser(make_app(Settings(home=tmp_path), sessions))
    assert ada.log_in("ada", password).status_code == 303
    assert ada.get("/").headers["location"] == "/account"


def test_an_administrator_changes_what_a_user_may(root, tmp_path, sessions, by):
    ada = add(sessions, by)
    place = f"/admin/users/{ada.id}"
    for do, said in (
        ("role", "ada is auditor now"),
        ("password", "<code>"),
        ("disable", "ada may not log in any longer"),
        ("enable", "ada may log in again"),
        ("unlock", "ada may try again at once"),
    ):
        answer = root.post(place, {"do": do, "role": "auditor", "once": once_of(root.get("/admin/users").text, place)})
        assert (answer.status_code, said in answer.text) == (200, True), do
    assert root.post(place, {"do": "explode"}).status_code == 400
    root.get("/admin/users")
    assert root.post(place, {"do": "role", "role": "<script>"}).status_code == 409
    assert "<script>" not in root.last
    assert root.post(f"/admin/users/{by.now.year:032d}", {"do": "disable"}).status_code == 404


def test_a_form_for_a_new_password_that_comes_twice_makes_one(root, tmp_path, sessions, by):
    place = f"/admin/users/{add(sessions, by).id}"
    form = {"do": "password", "once": once_of(root.get("/admin/users").text, place)}
    password = root.post(place, form).text.partition("<code>")[2].partition("</code>")[0]
    again = root.post(place, form)
    assert (again.status_code, "<code>" in again.text) == (409, False)
    assert "so none was made" in again.text
    ada = Browser(make_app(Settings(home=tmp_path), sessions))
    assert ada.log_in("ada", password).status_code == 303
    assert root.post(place, form | {"once": once_of(again.text, place)}).status_code == 200
    assert root.post(place, {"do": "password"}).status_code == 409


@pytest.mark.parametrize("do", ["disable", "role", "password"])
def test_an_administrator_does_nothing_to_themselves_that_would_lock_them_out(root, sessions, by, do):
    add(sessions, by, "second", Role.ADMIN)
    with sessions.read() as session:
        own = f"/admin/users/{users.named(session, 'root').id}"
    page = root.get("/admin/users").text
    row = page[page.index('<th scope="row">root</th>') :].partition("</tr>")[0]
    assert all(f'value="{refused}"' not in row for refused in ("disable", "role", "password"))
    assert row.count("another administrator can") == 2
    assert root.post(own, {"do": do, "role": "reader"}).status_code == 409
    assert root.get("/admin/users").status_code == 200


def test_an_administrator_makes_a_token_and_takes_it_back(root, api, sessions):
    root.get("/admin/tokens")
    fields = {"user": "root", "label": "metabase", "scope": ["studies", "nonsense"], "days": "30"}
    page = root.post("/admin/tokens", fields).text
    token = page.partition("<code>")[2].partition("</code>")[0]
    assert ask(api, token).status_code == 200
    assert token not in root.get("/admin/tokens").text
    with sessions.read() as session:
        row = session.scalar(select(ApiToken))
    assert "root/metabase is good for nothing now" in root.post(f"/admin/tokens/{row.id}/revoke").text
    assert ask(api, token).status_code == 401
    assert "lasts 1 to 366 days, not 0" in root.post("/admin/tokens", fields | {"label": "b", "days": "x"}).text
