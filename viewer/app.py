"""The web application: addresses, and what is said when something is wrong."""

from collections.abc import Callable
from functools import partial

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from core.roles import Role
from core.settings import Settings
from db.session import Sessions
from viewer.access import allowed
from viewer.counting import Counts
from viewer.guard import Guard
from viewer.images import Images
from viewer.live import LivePages
from viewer.model_page import ModelPages
from viewer.opened import Openings
from viewer.pictures import ReportPictures
from viewer.pulse import Pulse, recent
from viewer.render import STATIC, Templates
from viewer.searches import Searches
from viewer.seen import Seen
from viewer.study_page import StudyPages
from viewer.trying import Trying
from viewer.worklist_page import WorklistPage

_RETRY_S = 5
_REFUSED = {
    400: ("That form was not ours", "Nothing was changed. Go back, load the page again, and fill it in once more."),
    413: ("That is too much", "Nothing was kept. One to three screens of at most 64 MB together can be tried."),
}
_STAFF = [Depends(allowed(Role.READER))]
"""What is for readers; an administrator may do what a reader may."""


def make_app(settings: Settings, sessions: Sessions) -> ASGIApp:
    """The application on a database whose schema is up to date."""
    templates = Templates(settings.report.timezone)
    pulse = Pulse(partial(recent, sessions))
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    _add_pages(app, settings, sessions, templates, pulse)
    app.add_api_route("/events", _events(pulse), methods=["GET"], dependencies=_STAFF)
    app.mount("/static", _Static(directory=STATIC))
    _tell_errors(app, templates)
    return Guard(app, leave=pulse.end)


def _add_pages(app: FastAPI, settings: Settings, sessions: Sessions, templates: Templates, pulse: Pulse) -> None:
    """What staff read and write."""
    pictures, openings = ReportPictures(settings.store), Openings(sessions, Seen())
    live = LivePages(templates, pulse)
    worklist = WorklistPage(sessions, settings, templates, live, openings, Searches(), Counts())
    studies = StudyPages(sessions, templates, live, openings, pictures)
    images, models = Images(sessions, pictures, openings), ModelPages(sessions, templates)
    trying = Trying(sessions, settings, templates)

    def get(path: str, page: Callable[..., object]) -> None:
        app.add_api_route(path, page, methods=["GET", "HEAD"], dependencies=_STAFF, response_model=None)

    def post(path: str, act: Callable[..., object]) -> None:
        app.add_api_route(path, act, methods=["POST"], dependencies=_STAFF, response_model=None)

    get("/", worklist.show)
    get("/studies/{study_id}", studies.show)
    get("/studies/{study_id}/revisions", studies.compare)
    get("/crops/{view_image_id}.png", images.crop)
    get("/overlays/{case_id}/{view}/{label}.png", images.overlay)
    get("/reports/{report_id}.png", images.report)
    get("/models/{model_id}", models.card)
    get("/try", trying.show)
    post("/search", worklist.search)
    post("/studies/{study_id}/reviews", studies.review)
    post("/try", trying.answer)


def _events(pulse: Pulse) -> Callable[[], Response]:
    async def events() -> Response:
        """Says that something changed, as long as the page is open; never what."""
        return StreamingResponse(pulse.stream(), media_type="text/event-stream")

    return events  # type: ignore[return-value] # FastAPI awaits it


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

    def unknown(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status in _REFUSED:
            return page(status, *_REFUSED[status])
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
