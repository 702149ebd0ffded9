"""Quarantine: what was kept back and why, as a picture where there is one; release and reject."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session

from core.orders import OrderKind
from core.pictures import NoPicture
from core.types import Decision, InstanceState
from db import identity, quarantine
from db.cursor import Cursor
from db.session import Sessions
from db.tables import Instance, Study
from viewer import access
from viewer.admin.asking import Asking
from viewer.admin.stored_pictures import StoredPictures
from viewer.forms import Form
from viewer.opened import Openings
from viewer.render import Templates
from viewer.users_page import Notice

_KINDS = {"release": OrderKind.RELEASE, "reject": OrderKind.REJECT}
_MOST = 500
DECIDED = Notice("Somebody has decided on that meanwhile; nothing was asked for.", wrong=True)


@dataclass(frozen=True, slots=True)
class QuarantinePages:
    """The list, one thing of it, its picture, and the decision. Every look at them is written down."""

    sessions: Sessions
    templates: Templates
    openings: Openings
    pictures: StoredPictures
    asking: Asking

    def show(self, request: Request, after: str = "", decided: str = "") -> Response:
        """What waits for a decision, oldest first."""
        try:
            place = Cursor.parse(after) if after else None
        except ValueError:
            raise HTTPException(404) from None
        self.openings.token(request, study_id=None, detail="quarantine")
        with self.sessions.read() as session:
            found = quarantine.items(session, after=place, limit=_MOST + 1)
            items, following = found[:_MOST], found[_MOST - 1].place if len(found) > _MOST else None
            context = {"items": items, "number": quarantine.count(session), **self.asking.shown(session, "quarantine")}
        context |= {"after": after, "following": following, "notice": DECIDED if decided else None}
        text = self.templates.text("quarantine.html", **access.shown(request), **context, there="quarantine")
        return HTMLResponse(text)

    def one(self, request: Request, key: UUID) -> Response:
        """One object or study, with whom it names."""
        with self.sessions.read() as session:
            found = waiting_under(session, key)
            context = self._context(session, found)
        token = self.openings.token(request, study_id=context["study_id"], detail="quarantine show")
        places = {one.id: f"/admin/quarantine/{one.id}.png" for one in context["objects"]}
        pictures = {key: self.openings.part(request, token, place) for key, place in places.items()}
        more = {"pictures": pictures, "there": "quarantine"}
        return HTMLResponse(self.templates.text("quarantined.html", **access.shown(request), **context, **more))

    def picture(self, request: Request, key: UUID, seen: str = "") -> Response:
        """An object's pixels: they may name people. Opened by itself, that is written down."""
        with self.sessions.read() as session:
            found = waiting_under(session, key)
        if isinstance(found, Study) or found.purged_at is not None:
            raise HTTPException(404)
        drawn = self.pictures.of(found.path)
        if isinstance(drawn, NoPicture):
            return PlainTextResponse(drawn.sentence + "\n", 404)
        if not self.openings.is_open(request, seen):
            self.openings.write_down(request, study_id=found.study_id, subject=found.id, detail="quarantine picture")
        return Response(drawn, media_type="image/png")

    def decide(self, request: Request, key: UUID, form: Form) -> Response:
        """Release or reject it."""
        kind = _KINDS.get(form.one("do"))
        if kind is None:
            raise HTTPException(400)
        with self.sessions.read() as session:
            found = _waiting(session, key)
            known = session.get(Instance, key) or session.get(Study, key)
        if found is None and known is None:
            raise HTTPException(404)
        if found is None:
            return RedirectResponse("/admin/quarantine?decided=already", 303)
        if isinstance(found, Study) and kind is OrderKind.REJECT:
            raise HTTPException(400)
        return self.asking.ask(request, "quarantine", kind, key)

    def _context(self, session: Session, found: Study | Instance) -> dict[str, Any]:
        if isinstance(found, Study):
            objects = quarantine.objects_of(session, found.id)
            apart = dict(zip((one.id for one in objects), identity.standing_apart(objects), strict=True))
            return {"study_id": found.id, "whole": True, "objects": objects, "apart": apart, "key": found.id}
        return {"study_id": found.study_id, "whole": False, "objects": [found], "apart": {}, "key": found.id}


def waiting_under(session: Session, key: UUID) -> Study | Instance:
    """What waits under that key: an object, a study whose patients differ, or an object of such a study; else 404."""
    found = _waiting(session, key)
    if found is None:
        raise HTTPException(404)
    return found


def _waiting(session: Session, key: UUID) -> Study | Instance | None:
    found = session.get(Instance, key)
    if found is not None:
        waits = found.state is InstanceState.QUARANTINED and found.current
        if found.decision is not Decision.REJECTED and (waits or _whole(session, found.study_id)):
            return found
    study = session.get(Study, key) if found is None else None
    return study if study is not None and _whole(session, study.id) else None


def _whole(session: Session, study_id: UUID) -> bool:
    return quarantine.patients_differ(session, study_id)
