"""What administrators ask for: written down by the pages, done by an edge worker, shown until it is answered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from core.orders import OrderKind
from db import orders
from db.session import Sessions
from viewer import access
from viewer.render import Templates

KINDS: dict[str, tuple[OrderKind, ...]] = {
    "quarantine": (OrderKind.RELEASE, OrderKind.REJECT, OrderKind.LAYOUT),
    "jobs": (OrderKind.RETRY,),
    "peers": (OrderKind.TRY_PEER,),
    "models": (OrderKind.ACTIVATE,),
}
"""What is asked for on which page."""
_SHOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asking:
    """Writes orders down, and shows what became of the last ones."""

    sessions: Sessions
    templates: Templates

    def ask(self, request: Request, group: str, kind: OrderKind, subject: UUID | None = None, **asked: Any) -> Response:
        """Ask, and go back to the page, which shows what becomes of it."""
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            actor = access.principal(request).actor
            orders.ask(session, kind, actor=actor, now=now, subject=subject, asked=asked)
        return RedirectResponse(f"/admin/{group}", 303)

    def shown(self, session: Session, group: str) -> dict[str, Any]:
        """What a page's template is given: the last orders of its kinds."""
        kinds: Collection[OrderKind] = KINDS[group]
        found = orders.recent(session, kinds, since=self.sessions.now(session) - _SHOWN)
        return {"orders": found, "orders_wait": orders.waiting(session, kinds), "orders_group": group}

    def part(self, group: str) -> Response:
        """Only that list, for a page that is open: no patient is in it."""
        if group not in KINDS:
            raise HTTPException(404)
        with self.sessions.read() as session:
            text = self.templates.text("orders.html", **self.shown(session, group))
        return HTMLResponse(text)
