"""The addresses of what staff read and write: worklist, studies, reviews, cards, trying an image, news."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.params import Depends

from core.roles import Role
from core.settings import Settings
from db.session import Sessions
from viewer.access import allowed
from viewer.counting import Counts
from viewer.events import Events
from viewer.images import Images
from viewer.live import LivePages
from viewer.model_page import ModelPages
from viewer.opened import Openings
from viewer.pictures import ReportPictures
from viewer.pulse import Pulse
from viewer.render import Templates
from viewer.searches import Searches
from viewer.seen import Seen
from viewer.study_page import StudyPages
from viewer.trying import Trying
from viewer.worklist_page import WorklistPage


def add_to(app: FastAPI, settings: Settings, sessions: Sessions, templates: Templates) -> None:
    """Add them, for readers but for files of whole lists; an application with a pulse tells open pages of changes."""
    pulse: Pulse = app.state.pulse
    pictures, openings = ReportPictures(settings.store), Openings(sessions, Seen())
    live = LivePages(templates, pulse)
    worklist = WorklistPage(sessions, settings, templates, live, openings, Searches(), Counts())
    studies = StudyPages(sessions, templates, live, openings, pictures)
    images, models = Images(sessions, pictures, openings), ModelPages(sessions, templates)
    trying = Trying(sessions, settings, templates)
    readers, administrators = [Depends(allowed(Role.READER))], [Depends(allowed(Role.ADMIN))]

    def get(path: str, page: Callable[..., object]) -> None:
        app.add_api_route(path, page, methods=["GET", "HEAD"], dependencies=readers, response_model=None)

    def post(path: str, act: Callable[..., object], whom: list[Depends] = readers) -> None:
        app.add_api_route(path, act, methods=["POST"], dependencies=whom, response_model=None)

    get("/", worklist.show)
    get("/studies/{study_id}", studies.show)
    get("/studies/{study_id}/revisions", studies.compare)
    get("/crops/{view_image_id}.png", images.crop)
    get("/overlays/{case_id}/{view}/{label}.png", images.overlay)
    get("/reports/{report_id}.png", images.report)
    get("/models/{model_id}", models.card)
    get("/try", trying.show)
    get("/events", Events(pulse).listen)
    post("/search", worklist.search)
    post("/search.csv", worklist.csv_of_search, administrators)
    post("/studies/{study_id}/reviews", studies.review)
    post("/try", trying.answer)
