"""The images on a study's page: crops and what is laid over them, which name nobody, and reports, which do."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from core.pictures import NoPicture
from core.types import LABELS, Label, View
from db import study_page
from db.session import Sessions
from db.study_page import Explained
from db.tables import Report
from viewer.line import Line
from viewer.opened import Openings
from viewer.pictures import ReportPictures

_PNG = "image/png"
_OVERLAY_SIDE = 640
_LARGEST_CROP = 8192
_KEPT = 64
_AT_ONCE = 2
_Key = tuple[UUID, View, Label]


@dataclass(frozen=True, slots=True)
class Images:
    """Crops, overlays and report pages by their opaque ids."""

    sessions: Sessions
    pictures: ReportPictures
    openings: Openings
    _overlays: OrderedDict[_Key, bytes] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _line: Line = field(default_factory=partial(Line, _AT_ONCE), repr=False)

    def crop(self, view_image_id: UUID) -> Response:
        """What is kept of a screen."""
        with self.sessions.read() as session:
            png = study_page.crop(session, view_image_id)
        if png is None:
            raise HTTPException(404)
        return Response(png, media_type=_PNG)

    def overlay(self, case_id: UUID, view: View, label: Label) -> Response:
        """Where the model looked for a label on a view of a revision; to be laid over the crop."""
        key = (case_id, view, label)
        png = self._known(key)
        if png is None:
            with self._line.turn():  # whoever waited for the same one finds it kept
                png = self._known(key) or self._overlay(key)
        return Response(png, media_type=_PNG)

    def _known(self, key: _Key) -> bytes | None:
        with self._lock:
            if key in self._overlays:
                self._overlays.move_to_end(key)
            return self._overlays.get(key)

    def _overlay(self, key: _Key) -> bytes:
        case_id, view, label = key
        with self.sessions.read() as session:
            found = study_page.explained(session, case_id, view)
        if found is None or not 0 < found.side <= _LARGEST_CROP:
            raise HTTPException(404)
        png = _drawn(found, label)
        with self._lock:
            self._overlays[key] = png
            while len(self._overlays) > _KEPT:
                self._overlays.popitem(last=False)
        return png

    def report(self, request: Request, report_id: UUID, seen: str = "") -> Response:
        """A report's page as the PACS got it. It names the patient: opened by itself, it is written down."""
        with self.sessions.read() as session:
            report = session.get(Report, report_id)
        if report is None or report.purged_at is not None:
            raise HTTPException(404)
        found = self.pictures.of(report)
        if isinstance(found, NoPicture):
            return PlainTextResponse(found.sentence + "\n", 404)
        if not self.openings.is_open(request, seen):
            self.openings.write_down(request, study_id=report.study_id, subject=report.id, detail="report")
        return Response(found, media_type=_PNG)


def _drawn(found: Explained, label: Label) -> bytes:
    from core import heat  # noqa: PLC0415 - NumPy and Pillow come with the first overlay, not before the first page

    activation = found.activation[..., LABELS.index(label)]
    if found.maps is None:
        return heat.transparent(heat.enlarged(activation, _OVERLAY_SIDE))
    return heat.transparent(heat.on_each(activation, found.maps.circles, _OVERLAY_SIDE, of=found.side))
