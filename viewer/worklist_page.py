"""The worklist, and the search that leads to a part of it."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from core.phi import Phi
from core.settings import Settings
from core.types import AuditAction
from db import audit, search, worklist
from db.session import Sessions
from db.worklist import Filter
from viewer import access
from viewer.api.studies import Studies
from viewer.asked import Asked
from viewer.counting import Counts
from viewer.forms import Form
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
        asked, text, wanted = self._asked(request, dict(request.query_params))
        token = self.openings.token(request, study_id=None, detail="worklist")
        around = {
            "here": "worklist",
            "asked": asked,
            "searched": text,
            "csv": asked.csv(self.templates.zone),
            "senders": [peer.ae_title for peer in self.settings.peers if peer.may_send],
        }
        live = Shown("worklist", lambda: self._live(asked, text, wanted), _EVERY_S, around)
        return self.pages.page(request, live, token, shared=not asked.found)  # a search is its searcher's own

    def _asked(self, request: Request, said: dict[str, str]) -> tuple[Asked, Phi | None, Filter]:
        """What an address asks for, what was searched for, and both as a filter; 404 where that is none."""
        try:
            asked = Asked.of(said)
            text = self.searches.text(asked.found, whose=access.principal(request).name)
            return asked, text, asked.filter(text, self.templates.zone)
        except (ValueError, OverflowError):
            raise HTTPException(404) from None

    def search(self, request: Request, form: Form) -> Response:
        """Keep what is searched for, write down that it was, and go where the studies are; nothing typed: to all."""
        text = form.one("text").strip()[:_LONGEST_SEARCH].replace("\0", "")
        if not text:
            return RedirectResponse("/", 303)
        if not search.beginning(text):
            return self._says_nothing(request)
        who = access.principal(request).name
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            audit.record(
                session,
                AuditAction.SEARCH,
                actor=access.principal(request).actor,
                now=now,
                detail="patient or accession",
            )
        key = self.searches.keep(Phi(text), whose=who)
        return RedirectResponse(Asked(found=key).address(), 303)

    def _says_nothing(self, request: Request) -> Response:
        said = {"title": "Search for more", "text": f"{search.SAYS_NOTHING.capitalize()}."}
        around = {"here": "worklist", "retry_s": None, "login": False, **access.shown(request)}
        return HTMLResponse(self.templates.text("message.html", **said, **around), 422)

    def csv_of_search(self, request: Request, form: Form) -> Response:
        """Every study of a search and of the filters beside it, as CSV; to the list, which says so, if it has ended."""
        asked, text, wanted = self._asked(request, {name: form.one(name) for name in form.sent})
        return RedirectResponse(asked.address(), 303) if text is None else Studies(self.sessions).file(request, wanted)

    def _live(self, asked: Asked, text: Phi | None, wanted: Filter) -> dict[str, Any]:
        lost = bool(asked.found) and text is None
        with self.sessions.read() as session:
            found = worklist.Page((), None) if lost else worklist.page(session, wanted)
            numbers = self.counts.read(session)
        return {
            "asked": asked,
            "lost": lost,
            "listed": found,
            "counts": numbers,
            "settings": self.settings,
        }
