"""The web application: its addresses, and whom each of them admits."""

from fastapi import FastAPI, Response
from fastapi.params import Depends
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from core.roles import Role
from core.settings import Settings
from db.session import Sessions
from viewer import access
from viewer.access import allowed
from viewer.account import Account
from viewer.api.figures import Figures
from viewer.api.routes import router
from viewer.cookie import Cookie
from viewer.counting import Counts
from viewer.csrf import FormGuard
from viewer.door import Door, limits_of
from viewer.errors import Errors
from viewer.guard import Guard
from viewer.images import Images
from viewer.login import Login
from viewer.pages import Pages
from viewer.pictures import ReportPictures
from viewer.render import STATIC, Templates
from viewer.seen import Seen
from viewer.statistics_page import StatisticsPage
from viewer.tokens_page import TokensPage
from viewer.turnstile import Turnstile
from viewer.users_page import UsersPage

_READ = ["GET", "HEAD"]


def make_app(settings: Settings, sessions: Sessions) -> ASGIApp:
    """The application on a database whose schema is up to date, behind what guards it."""
    templates = Templates(settings.report.timezone)
    cookie = Cookie(settings.web_port)
    return Guard(routes(settings, sessions, templates=templates, cookie=cookie), settings.web)


def routes(settings: Settings, sessions: Sessions, *, templates: Templates, cookie: Cookie) -> FastAPI:
    """Every address with its rule. Raises TypeError where one has none."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    door = app.state.gate = Door(sessions, cookie, limits_of(settings.web))
    pictures, seen, turnstile = ReportPictures(settings.store), Seen(), Turnstile(sessions)
    _add_studies(app, Pages(sessions, settings, templates, pictures, seen, Counts()), Images(sessions, pictures, seen))
    login = Login(sessions, templates, door, turnstile)
    login.add_to(app)
    Account(sessions, templates, turnstile, login).add_to(app)
    UsersPage(sessions, templates).add_to(app)
    TokensPage(sessions, templates).add_to(app)
    app.include_router(router(sessions, zone=templates.zone))
    StatisticsPage(Figures(sessions, templates.zone), templates).add_to(app)
    app.mount("/static", _Static(directory=STATIC))
    errors = Errors(templates)
    errors.tell(app)
    app.add_middleware(FormGuard, cookie=cookie, refuse=errors.forged)
    access.check(app)
    return app


def _add_studies(app: FastAPI, pages: Pages, images: Images) -> None:
    readers = [Depends(allowed(Role.READER))]
    app.add_api_route("/", pages.worklist, methods=_READ, dependencies=readers)
    app.add_api_route("/studies/{study_id}", pages.study, methods=_READ, dependencies=readers)
    app.add_api_route("/crops/{view_image_id}.png", images.crop, methods=_READ, dependencies=readers)
    app.add_api_route("/reports/{report_id}.png", images.report, methods=_READ, dependencies=readers)


class _Static(StaticFiles):
    """Our own files: no patient is in them, and a browser asks whether they changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file with leave to keep it."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed through as it came
        response.headers["Cache-Control"] = "no-cache"
        return response
