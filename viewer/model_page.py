"""A model's card as a page: what it is for, how well it did on whom, and how it was made."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from db.session import Sessions
from db.tables import ModelVersion
from viewer import access
from viewer.render import Templates


@dataclass(frozen=True, slots=True)
class ModelPages:
    """Cards by the model's own key. No patient is on them."""

    sessions: Sessions
    templates: Templates

    def card(self, request: Request, model_id: UUID) -> Response:
        """One model's card."""
        with self.sessions.read() as session:
            model = session.get(ModelVersion, model_id)
        if model is None:
            raise HTTPException(404)
        return HTMLResponse(self.templates.text("model.html", model=model, card=model.card, **access.shown(request)))
