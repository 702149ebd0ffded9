"""The web application: addresses, and what is said when something is wrong."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from core.settings import Settings
from db.session import Sessions
from viewer.counting import Counts
from viewer.guard import Guard
from viewer.images import Images
from viewer.pages import Pages
from viewer.pictures import ReportPictures
from viewer.render import STATIC, Templates
from viewer.seen import Seen

_RETRY_S = 5
_READ = ["GET", "HEAD"]


def make_app(settings: Settings, sessions: Sessions) -> ASGIApp:
    """The application on a database whose schema is up to date."""
    templates = Templates(settings.report.timezone)
    pictures = ReportPictures(settings.store)
    seen = Seen()
    pages = Pages(sessions, settings, templates, pictures, seen, Counts())
    images = Images(sessions, pictures, seen)
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.add_api_route("/", pages.worklist, methods=_READ)
    app.add_api_route("/studies/{study_id}", pages.study, methods=_READ)
    app.add_api_route("/crops/{view_image_id}.png", images.crop, methods=_READ)
    app.add_api_route("/reports/{report_id}.png", images.report, methods=_READ)
    app.mount("/static", _Static(directory=STATIC))
    _tell_errors(app, templates)
    return Guard(app)


class _Static(StaticFiles):
    """Our own files: no patient is in them, and a browser asks whether they changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file with leave to keep it."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed through as it came
        response.headers["Cache-Control"] = "no-cache"
        return response


def _tell_errors(app: FastAPI, templates: Templates) -> None:
    """Every error is a page of ours; none shows what was asked for or what went wrong inside."""

    def page(status: int, title: str, text: str, *, retry: bool = False) -> Response:
        body = templates.text("message.html", title=title, text=text, retry_s=_RETRY_S if retry else None)
        return HTMLResponse(body, status, headers={"Retry-After": str(_RETRY_S)} if retry else None)

    def unknown(_request: Request, _error: Exception) -> Response:
        return page(404, "Nothing is here", "There is no such study, revision or page. It may have been deleted.")

    def database_away(_request: Request, _error: Exception) -> Response:
        text = "The database does not answer, or takes no writing, and a page is shown only once its opening is written"
        return page(503, "Not just now", f"{text} down. This page tries again by itself.", retry=True)

    def broken(_request: Request, _error: Exception) -> Response:
        return page(500, "Something went wrong", "The log says where. Nothing was changed.")

    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, unknown)
    app.add_exception_handler(SQLAlchemyError, database_away)
    app.add_exception_handler(Exception, broken)
