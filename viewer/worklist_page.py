"""The worklist, and the search that leads to a part of it."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from core.phi import NOTHING, Phi
from core.settings import Settings
from core.types import AuditAction
from db import audit, worklist
from db.session import Sessions
from viewer import access
from viewer.asked import Asked
from viewer.counting import Counts
from viewer.forms import Fields
from viewer.live import LivePages, Shown
from viewer.opened import Openings
from viewer.render import Templates
from viewer.searches import Searches

_EVERY_S = 10
"""How often an open worklist asks by itself; the stream of changes makes it ask at once."""
_LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class WorklistPage:
    """The worklist page with what it needs."""

    sessions: Sessions
    settings: Settings
    templates: Templates
    pages: LivePages
    openings: Openings
    searches: Searches
    counts: Counts

    def show(self, request: Request) -> Response:
        """The studies that the address asks for."""
        try:
            asked = Asked.of(dict(request.query_params))
        except ValueError:
            raise HTTPException(404) from None
        text = self.searches.text(asked.found, whose=access.principal(request).name) if asked.found else NOTHING
        self._first(asked, text)
        token = self.openings.token(request, study_id=None, detail="worklist")
        around = {
            "asked": asked,
            "searched": text,
            "senders": [peer.ae_title for peer in self.settings.peers if peer.may_send],
        }
        live = Shown("worklist", lambda: self._live(asked, text), _EVERY_S, around)
        return self.pages.page(request, live, token, shared=True)

    def search(self, request: Request, fields: Fields) -> Response:
        """Keep what is searched for, write down that it was, and go where the studies are; nothing typed: to all."""
        text = fields.get("text", "").strip()[:_LONGEST_SEARCH].replace("\0", "")
        if not text:
            return RedirectResponse("/", 303)
        who = access.principal(request).name
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            audit.record(session, AuditAction.SEARCH, actor=who, now=now, detail="patient or accession")
        key = self.searches.keep(Phi(text), whose=who)
        return RedirectResponse(Asked(found=key).address(), 303)

    def _first(self, asked: Asked, text: Phi | None) -> None:
        """404 for a cursor that is none, before anything is written down."""
        try:
            with self.sessions.read() as session:
                worklist.page(session, asked.filter(text or NOTHING, self.templates.zone), limit=1)
        except ValueError:
            raise HTTPException(404) from None

    def _live(self, asked: Asked, text: Phi | None) -> dict[str, Any]:
        with self.sessions.read() as session:
            found = worklist.page(session, asked.filter(text or NOTHING, self.templates.zone))
            numbers = self.counts.read(session)
        if text is None:
            found = worklist.Page((), None)
        return {
            "asked": asked,
            "listed": found,
            "counts": numbers,
            "searched": text,
            "settings": self.settings,
        }
