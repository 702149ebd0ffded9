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
    "GET /": READERS,
    "GET /studies/{study_id}": READERS,
    "GET /studies/{study_id}/revisions": READERS,
    "GET /crops/{view_image_id}.png": READERS,
    "GET /overlays/{case_id}/{view}/{label}.png": READERS,
    "GET /reports/{report_id}.png": READERS,
    "GET /models/{model_id}": READERS,
    "GET /try": READERS,
    "GET /events": READERS,
    "POST /search": READERS,
    "POST /search.csv": ADMINS,
    "POST /studies/{study_id}/reviews": READERS,
    "POST /try": READERS,
    "POST /logout": set(Role),
    "GET /account": set(Role),
    "POST /account/password": set(Role),
    "POST /account/leave": set(Role),
    "GET /admin": OVERSEERS,
    "GET /admin/quarantine": ADMINS,
    "GET /admin/quarantine/{key}": ADMINS,
    "POST /admin/quarantine/{key}": ADMINS,
    "GET /admin/quarantine/{key}.png": ADMINS,
    "GET /admin/quarantine/{key}/layout": ADMINS,
    "POST /admin/quarantine/{key}/layout": ADMINS,
    "GET /admin/jobs": OVERSEERS,
    "POST /admin/jobs/retry": ADMINS,
    "POST /admin/jobs/{job_id}/retry": ADMINS,
    "GET /admin/peers": OVERSEERS,
    "POST /admin/peers/test": ADMINS,
    "GET /admin/models": OVERSEERS,
    "POST /admin/models/activate": ADMINS,
    "POST /admin/models/{model_id}": ADMINS,
    "GET /admin/audit": OVERSEERS,
    "GET /admin/orders/quarantine": ADMINS,
    "GET /admin/orders/{group}": OVERSEERS,
    "GET /admin/users": ADMINS,
    "POST /admin/users": ADMINS,
    "POST /admin/users/{user_id}": ADMINS,
    "GET /admin/tokens": ADMINS,
    "POST /admin/tokens": ADMINS,
    "POST /admin/tokens/{token_id}/revoke": ADMINS,
    "GET /api/v1/studies": ADMINS,
    "GET /api/v1/studies.csv": ADMINS,
    "POST /api/v1/studies/search": ADMINS,
    "POST /api/v1/studies/search.csv": ADMINS,
    "GET /api/v1/studies/{study_id}": ADMINS,
    "GET /api/v1/predictions": ADMINS,
    "GET /api/v1/reports": ADMINS,
    "GET /api/v1/statistics": ADMINS,
    "GET /api/v1/statistics.csv": ADMINS,
    "GET /api/v1/audit": {Role.ADMIN, Role.AUDITOR},
    "GET /admin/statistics": ADMINS,
    "GET /login": ANYBODY,
    "POST /login": ANYBODY,
    "GET /api/v1/openapi.json": ANYBODY,
}
"""Who is meant to be let in where. A new route is written down here, too."""
FOR_PROGRAMS: dict[str, Scope] = {
    "GET /api/v1/studies": Scope.STUDIES,
    "GET /api/v1/studies.csv": Scope.STUDIES,
    "POST /api/v1/studies/search": Scope.STUDIES,
    "POST /api/v1/studies/search.csv": Scope.STUDIES,
    "GET /api/v1/studies/{study_id}": Scope.STUDIES,
    "GET /api/v1/predictions": Scope.PREDICTIONS,
    "GET /api/v1/reports": Scope.REPORTS,
    "GET /api/v1/statistics": Scope.STATISTICS,
    "GET /api/v1/statistics.csv": Scope.STATISTICS,
    "GET /api/v1/audit": Scope.AUDIT,
}
"""The scope that a token needs there; elsewhere none opens."""


@pytest.fixture
def database() -> str:
    """One of the two is enough here; what is asked of the database is the same everywhere."""
    return "sqlite"


def name_of(opening: Opening) -> str:
    """As it stands in the table; HEAD goes with GET."""
    (method,) = opening.methods - {"HEAD"}
    return f"{method} {opening.path}"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def table(settings, sessions) -> list[Opening]:
    made = app.routes(settings, sessions, templates=Templates("local"), cookie=Cookie(8080))
    return access.openings(made)


def test_every_route_is_meant_to_be_open_to_whom_it_is(table):
    assert {name_of(opening) for opening in table} == OPEN_TO.keys()
    for opening in table:
        people = [Principal("x", SOMEBODY, role, "session") for role in Role]
        found = {who.role for who in people if opening.admits(who)} | ({"nobody"} if opening.admits(None) else set())
        assert found == OPEN_TO[name_of(opening)], opening


def test_a_token_opens_what_has_its_scope_and_what_is_open_to_its_user(table):
    for opening in table:
        for role in Role:
            for scope in Scope:
                who = Principal("x", SOMEBODY, role, "token", scopes=frozenset({scope}))
                wanted = FOR_PROGRAMS.get(name_of(opening)) is scope and role in OPEN_TO[name_of(opening)]
                assert opening.admits(who) is (wanted or "nobody" in OPEN_TO[name_of(opening)]), (opening, role, scope)


@pytest.mark.parametrize("who", ["nobody", *Role, "a program"])
def test_every_route_answers_as_its_rule_says(settings, sessions, table, who):
    guarded = app.make_app(settings, sessions)
    guarded.leave()  # else the stream of news were open for a minute
    browser = Browser(guarded)
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
            meant = who in OPEN_TO[name_of(opening)] if who != "a program" else open_to_a_program(opening)
            assert refused is not meant, (method, place, answer.status_code)
            assert answer.status_code < 500, (method, place)


def open_to_a_program(opening: Opening) -> bool:
    """Whether a token with every scope of an administrator opens it."""
    return name_of(opening) in FOR_PROGRAMS or "nobody" in OPEN_TO[name_of(opening)]


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
