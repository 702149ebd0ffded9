"""Models: which is in force, since when and on what grounds, and putting another one in force."""

import re
from dataclasses import dataclass
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from core.orders import OrderKind
from db.session import Sessions
from db.tables import ModelVersion
from viewer import access
from viewer.admin.asking import Asking
from viewer.forms import Fields, Form
from viewer.render import Templates
from viewer.users_page import Notice

REASON_LENGTH = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NO_REASON = Notice("Say why it is to be in force all the same: the reason is kept with the activation.", wrong=True)


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """The models of the database, and those that come with the release by name. No patient is named."""

    sessions: Sessions
    templates: Templates
    asking: Asking

    def show(self, request: Request) -> Response:
        """The page."""
        return self._page(request)

    def activate(self, request: Request, model_id: UUID, form: Form) -> Response:
        """Have a stored model put in force, by the rules of ``perfuscope model activate``."""
        with self.sessions.read() as session:
            if session.get(ModelVersion, model_id) is None:
                raise HTTPException(404)
        return self._ask(request, form, model_id)

    def activate_named(self, request: Request, form: Form) -> Response:
        """The same for one that comes with the release; a folder's path is none."""
        name = form.one("name").strip()
        if not _NAME.fullmatch(name):
            said = "Write the name of a model that comes with this release, such as mobilenet-sim-2."
            return self._page(request, Notice(said, wrong=True), 422)
        return self._ask(request, form, None, name=name)

    def _ask(self, request: Request, form: Fields, model_id: UUID | None, **asked: str) -> Response:
        reason = form.one("reason").strip()
        if form.one("do") == "force":
            if not reason or len(reason) > REASON_LENGTH:
                return self._page(request, _NO_REASON, 422)
            asked["reason"] = reason
        return self.asking.ask(request, "models", OrderKind.ACTIVATE, model_id, **asked)

    def _page(self, request: Request, notice: Notice | None = None, status: int = 200) -> Response:
        with self.sessions.read() as session:
            newest = select(ModelVersion).order_by(ModelVersion.active.desc(), ModelVersion.created_at.desc())
            models = session.scalars(newest).all()
            context = {"models": models, "notice": notice, **self.asking.shown(session, "models")}
        more = {"longest": REASON_LENGTH, "there": "models"}
        return HTMLResponse(self.templates.text("models.html", **access.shown(request), **context, **more), status)
