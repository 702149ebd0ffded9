"""Every route and every role, from the application's own table of routes: a new route without a rule fails."""

from uuid import UUID

import pytest
from entry import Browser, cookie, user
from fastapi import Depends, FastAPI

from core.roles import Role, Scope
from core.settings import Settings
from db import api_tokens
from db.users import Hand
from viewer import access, app
from viewer.access import Opening, Principal, allowed
from viewer.cookie import Cookie
from viewer.render import Templates

SOMEBODY = UUID(int=7)
ANYBODY = {"nobody", *Role}
READERS = {Role.READER, Role.ADMIN}
ADMINS, OVERSEERS = {Role.ADMIN}, {Role.ADMIN, Role.AUDITOR}
OPEN_TO = {
    "/": READERS,
    "/studies/{study_id}": READERS,
    "/studies/{study_id}/revisions": READERS,
    "/studies/{study_id}/reviews": READERS,
    "/crops/{view_image_id}.png": READERS,
    "/overlays/{case_id}/{view}/{label}.png": READERS,
    "/reports/{report_id}.png": READERS,
    "/models/{model_id}": READERS,
    "/try": READERS,
    "/events": READERS,
    "/search": READERS,
    "/login": ANYBODY,
    "/logout": set(Role),
    "/account": set(Role),
    "/account/password": set(Role),
    "/account/leave": set(Role),
    "/admin": OVERSEERS,
    "/admin/quarantine": ADMINS,
    "/admin/quarantine/{key}": ADMINS,
    "/admin/quarantine/{key}.png": ADMINS,
    "/admin/quarantine/{key}/layout": ADMINS,
    "/admin/jobs": OVERSEERS,
    "/admin/jobs/retry": ADMINS,
    "/admin/jobs/{job_id}/retry": ADMINS,
    "/admin/peers": OVERSEERS,
    "/admin/peers/test": ADMINS,
    "/admin/models": OVERSEERS,
    "/admin/models/activate": ADMINS,
    "/admin/models/{model_id}": ADMINS,
    "/admin/audit": OVERSEERS,
    "/admin/orders/{group}": OVERSEERS,
    "/admin/statistics": ADMINS,
    "/admin/users": ADMINS,
    "/admin/users/{user_id}": ADMINS,
    "/admin/tokens": ADMINS,
    "/admin/tokens/{token_id}/revoke": ADMINS,
    "/api/v1/studies": ADMINS,
    "/api/v1/studies.csv": ADMINS,
    "/api/v1/studies/search": ADMINS,
    "/api/v1/studies/search.csv": ADMINS,
    "/api/v1/studies/{study_id}": ADMINS,
    "/api/v1/predictions": ADMINS,
    "/api/v1/reports": ADMINS,
    "/api/v1/statistics": ADMINS,
    "/api/v1/statistics.csv": ADMINS,
    "/api/v1/openapi.json": ANYBODY,
}
"""Who is meant to be let in where. A new route is written down here, too."""
FOR_PROGRAMS: dict[str, Scope] = {
    "/api/v1/studies": Scope.STUDIES,
    "/api/v1/studies.csv": Scope.STUDIES,
    "/api/v1/studies/search": Scope.STUDIES,
    "/api/v1/studies/search.csv": Scope.STUDIES,
    "/api/v1/studies/{study_id}": Scope.STUDIES,
    "/api/v1/predictions": Scope.PREDICTIONS,
    "/api/v1/reports": Scope.REPORTS,
    "/api/v1/statistics": Scope.STATISTICS,
    "/api/v1/statistics.csv": Scope.STATISTICS,
}
"""The scope that a token needs there; elsewhere none opens."""


@pytest.fixture
def database() -> str:
    """One of the two is enough here; what is asked of the database is the same everywhere."""
    return "sqlite"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def table(settings, sessions) -> list[Opening]:
    made = app.routes(settings, sessions, templates=Templates("local"), cookie=Cookie(8080))
    return access.openings(made)


def test_every_route_is_meant_to_be_open_to_whom_it_is(table):
    assert {opening.path for opening in table} == OPEN_TO.keys()
    for opening in table:
        people = [Principal("x", SOMEBODY, role, "session") for role in Role]
        found = {who.role for who in people if opening.admits(who)} | ({"nobody"} if opening.admits(None) else set())
        assert found == OPEN_TO[opening.path], opening


def test_a_token_opens_what_has_its_scope_and_what_is_open_to_its_user(table):
    for opening in table:
        for role in Role:
            for scope in Scope:
                who = Principal("x", SOMEBODY, role, "token", scopes=frozenset({scope}))
                wanted = FOR_PROGRAMS.get(opening.path) is scope and role in OPEN_TO[opening.path]
                assert opening.admits(who) is (wanted or "nobody" in OPEN_TO[opening.path]), (opening, role, scope)


@pytest.mark.parametrize("who", ["nobody", *Role, "a program"])
def test_every_route_answers_as_its_rule_says(settings, sessions, table, who):
    browser = Browser(app.make_app(settings, sessions))
    user(sessions, "the-owner", Role.ADMIN)
    if who in set(Role):
        browser.headers["Cookie"] = cookie(sessions, name=f"the-{who}", role=who)
        browser.get("/account")
    elif who == "a program":
        browser.headers["Authorization"] = f"Bearer {token(sessions)}"
    else:
        browser.get("/login")
    csrf = browser.csrf
    for opening in sorted(table, key=lambda one: one.path == "/logout"):
        for method in opening.methods - {"HEAD"}:
            place = opening.path.replace("{", "").replace("}", "")
            answer = browser.ask(method, place, data={"csrf": csrf} if method == "POST" else None)
            refused = answer.status_code in {401, 403} and not (place == "/login" and method == "POST")
            asked_by = who if who != "a program" or opening.path not in FOR_PROGRAMS else Role.ADMIN
            meant = asked_by in OPEN_TO[opening.path] or "nobody" in OPEN_TO[opening.path]
            assert refused is not meant, (method, place, answer.status_code)
            assert answer.status_code < 500, (method, place)


def token(sessions) -> str:
    """Of an administrator, for everything that there is."""
    owner = user(sessions, "the-owner", Role.ADMIN)
    with sessions.write() as session:
        return api_tokens.add(session, owner, "all", Scope, days=1, by=Hand("os:tester", sessions.now(session)))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_open_to_anybody(settings, sessions, table, method):
    browser = Browser(app.make_app(settings, sessions))
    for opening in table:
        assert browser.ask(method, opening.path).status_code == 405, opening


def test_a_route_without_a_rule_stops_the_application():
    made = FastAPI(openapi_url=None)
    made.add_api_route("/open", lambda: "x", dependencies=[Depends(allowed(Role.READER))])
    access.check(made)
    made.add_api_route("/forgotten", lambda: "x")
    with pytest.raises(TypeError, match="the route /forgotten has no rule"):
        access.check(made)


def test_a_folder_that_nobody_named_stops_the_application():
    made = FastAPI(openapi_url=None)
    made.mount("/store", FastAPI(openapi_url=None))
    with pytest.raises(TypeError, match="the route /store has no rule"):
        access.check(made)


def test_the_description_that_fastapi_adds_by_itself_would_stop_it_too():
    with pytest.raises(TypeError, match=r"/openapi\.json has no rule"):
        access.check(FastAPI())


def test_a_rule_of_no_role_or_of_an_unknown_scope_cannot_be_written():
    with pytest.raises(ValueError, match="at least one role"):
        allowed()
    with pytest.raises(ValueError, match="everything"):
        allowed(Role.READER, scope="everything")
