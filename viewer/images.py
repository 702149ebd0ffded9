"""The images on a study's page: crops, which are de-identified, and reports, which name the patient."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from core.pictures import NoPicture
from db import study_page
from db.session import Sessions
from db.tables import Report
from viewer.access import principal
from viewer.pages import place_of, write_down
from viewer.pictures import ReportPictures
from viewer.seen import Seen

_PNG = "image/png"


@dataclass(frozen=True, slots=True)
class Images:
    """Crops and report pages by their opaque ids."""

    sessions: Sessions
    pictures: ReportPictures
    seen: Seen

    def crop(self, view_image_id: UUID) -> Response:
        """What is kept of a screen."""
        with self.sessions.read() as session:
            png = study_page.crop(session, view_image_id)
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type=_PNG)

    def report(self, request: Request, report_id: UUID, seen: str = "") -> Response:
        """A report's page as the PACS got it. It names the patient: opened by itself, it is written down."""
        with self.sessions.read() as session:
            report = session.get(Report, report_id)
        if report is None or report.purged_at is not None:
            raise HTTPException(404)
        found = self.pictures.of(report)
        if isinstance(found, NoPicture):
            return PlainTextResponse(found.sentence + "\n", 404)
        if not self.seen.holds(place_of(request), seen):
            actor = principal(request).actor
            write_down(self.sessions, actor=actor, study_id=report.study_id, subject=report.id, detail="report")
        return Response(found, media_type=_PNG)
