"""The web application: its addresses, and whom each of them admits."""

from functools import partial

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from core.settings import Settings
from db.session import Sessions
from viewer import access, staff_pages, trying
from viewer.account import Account
from viewer.admin import pages as admin_pages
from viewer.api import routes as api
from viewer.api.figures import Figures
from viewer.bounds import Bounds
from viewer.cookie import Cookie
from viewer.csrf import FormGuard
from viewer.door import Door, limits_of
from viewer.errors import Errors
from viewer.guard import Guard
from viewer.login import Login
from viewer.pulse import Pulse, recent
from viewer.render import STATIC, Templates
from viewer.statistics_page import StatisticsPage
from viewer.tokens_page import TokensPage
from viewer.turnstile import Turnstile
from viewer.users_page import UsersPage


def make_app(settings: Settings, sessions: Sessions) -> ASGIApp:
    """The application on a database whose schema is up to date, behind what guards it."""
    templates = Templates(settings.report.timezone)
    cookie = Cookie(settings.web_port)
    app = routes(settings, sessions, templates=templates, cookie=cookie)
    return Guard(app, settings.web, leave=app.state.pulse.end)


def routes(settings: Settings, sessions: Sessions, *, templates: Templates, cookie: Cookie) -> FastAPI:
    """Every address with its rule. Raises TypeError where one has none."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    door = app.state.gate = Door(sessions, cookie, limits_of(settings.web))
    app.state.pulse = Pulse(partial(recent, sessions))
    staff_pages.add_to(app, settings, sessions, templates)
    admin_pages.add_to(app, settings, sessions, templates)
    turnstile = Turnstile(sessions)
    login = Login(sessions, templates, door, turnstile)
    login.add_to(app)
    Account(sessions, templates, turnstile, login).add_to(app)
    UsersPage(sessions, templates).add_to(app)
    TokensPage(sessions, templates).add_to(app)
    api.add_to(app, sessions, zone=templates.zone)
    StatisticsPage(Figures(sessions, templates.zone), templates).add_to(app)
    app.mount("/static", _Static(directory=STATIC))
    errors = Errors(templates)
    errors.tell(app)
    app.add_middleware(Bounds, refuse=errors.answer, larger={"/try": trying.MOST})
    app.add_middleware(FormGuard, cookie=cookie, refuse=errors.forged)
    access.check(app)
    return app


class _Static(StaticFiles):
    """Our own files: no patient is in them, and a browser asks whether they changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file with leave to keep it."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed through as it came
        response.headers["Cache-Control"] = "no-cache"
        return response
