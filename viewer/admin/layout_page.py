"""Drawing a layout on a screen in quarantine: what is kept, a caption it is known by, where the patient is named."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from core.errors import PerfuscopeError
from core.orders import OrderKind, OrderState
from core.types import InstanceState, View
from db.order_tables import Order
from db.tables import Instance, Study
from viewer import access
from viewer.admin import drawing
from viewer.admin.quarantine_page import QuarantinePages, waiting_under
from viewer.forms import Fields, Form
from viewer.render import sentence
from viewer.users_page import Notice


@dataclass(frozen=True, slots=True)
class LayoutPage:
    """The page to draw on, and saving: by pointer, by keys, or by numbers alone."""

    quarantine: QuarantinePages

    def show(self, request: Request, key: UUID, order: UUID | None = None) -> Response:
        """The screen with nothing drawn yet, or with what was refused as that order says."""
        if order is None:
            return self._page(request, self._instance(key), Fields({}))
        form, notice = self._refused(key, order)
        try:
            instance = self._instance(key)
        except HTTPException:
            return self._too_late(request, key, form)
        return self._page(request, instance, form, notice)

    def save(self, request: Request, key: UUID, form: Form) -> Response:
        """Have the layout proved and saved by an edge worker."""
        try:
            instance = self._instance(key)
        except HTTPException:
            return self._too_late(request, key, form)
        try:
            asked = drawing.asked(form)
        except PerfuscopeError as error:
            return self._page(request, instance, form, Notice(sentence(error), wrong=True), 422)
        return self.quarantine.asking.ask(request, "quarantine", OrderKind.LAYOUT, key, **asked)

    def _refused(self, key: UUID, order: UUID) -> tuple[Fields, Notice]:
        """What was drawn on that screen and why it was not saved; 404 for any other order."""
        with self.quarantine.sessions.read() as session:
            found = session.get(Order, order)
        if found is None or (found.kind, found.subject, found.state) != (OrderKind.LAYOUT, key, OrderState.REFUSED):
            raise HTTPException(404)
        why = (found.said or {}).get("text", "")
        return drawing.form(found.asked), Notice(f"Refused: {why}", wrong=True)

    def _instance(self, key: UUID) -> Instance:
        with self.quarantine.sessions.read() as session:
            found = waiting_under(session, key)
        if isinstance(found, Study) or found.state is not InstanceState.QUARANTINED or found.purged_at is not None:
            raise HTTPException(404)
        return found

    def _too_late(self, request: Request, key: UUID, form: Fields) -> Response:
        """What was drawn is shown again: it serves on another screen of that kind."""
        with self.quarantine.sessions.read() as session:
            instance = session.get(Instance, key)
        if instance is None:
            raise HTTPException(404)
        said = "Somebody has decided on this object meanwhile; nothing is saved. Draw on another screen of that kind."
        return self._page(request, instance, form, Notice(said, wrong=True), 409)

    def _page(
        self, request: Request, instance: Instance, form: Fields, notice: Notice | None = None, status: int = 200
    ) -> Response:
        openings = self.quarantine.openings
        token = openings.token(request, study_id=instance.study_id, detail="quarantine layout")
        context = {
            "key": instance.id,
            "picture": openings.part(request, token, f"/admin/quarantine/{instance.id}.png"),
            "rows": drawing.ROWS,
            "panels": drawing.PANELS,
            "names": drawing.NAMES,
            "first_panel": drawing.FIRST_PANEL,
            "views": list(View),
            "form": form,
            "notice": notice,
            "unsaved": status != HTTPStatus.OK,
            "there": "quarantine",
        }
        text = self.quarantine.templates.text("layout.html", **access.shown(request), **context)
        return HTMLResponse(text, status)
