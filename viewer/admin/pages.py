"""The addresses of the administrators' pages, and whom each admits."""

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from fastapi.params import Depends

from core.roles import Role
from core.settings import Settings
from db.session import Sessions
from viewer.access import allowed
from viewer.admin.asking import Asking
from viewer.admin.audit_page import AuditPage
from viewer.admin.jobs_page import JobsPage
from viewer.admin.layout_page import LayoutPage
from viewer.admin.models_page import ModelsPage
from viewer.admin.overview import OverviewPage
from viewer.admin.peers_page import PeersPage
from viewer.admin.quarantine_page import QuarantinePages
from viewer.admin.stored_pictures import StoredPictures
from viewer.opened import Openings
from viewer.render import Templates
from viewer.seen import Seen


def add_to(app: FastAPI, settings: Settings, sessions: Sessions, templates: Templates) -> None:
    """Add them: all for administrators; what names no patient may be read by auditors, too."""
    openings, asking = Openings(sessions, Seen()), Asking(sessions, templates)
    quarantine = QuarantinePages(sessions, templates, openings, StoredPictures(settings.store), asking)
    drawing = LayoutPage(quarantine)
    jobs = JobsPage(sessions, templates, asking)
    peers = PeersPage(sessions, settings, templates, asking)
    models = ModelsPage(sessions, templates, asking)
    admins, both = [Depends(allowed(Role.ADMIN))], [Depends(allowed(Role.ADMIN, Role.AUDITOR))]

    def get(path: str, page: Callable[..., object], rule: list[Depends]) -> None:
        app.add_api_route(path, page, methods=["GET", "HEAD"], dependencies=rule, response_model=None)

    def post(path: str, act: Callable[..., object]) -> None:
        app.add_api_route(path, act, methods=["POST"], dependencies=admins, response_model=None)

    get("/admin", OverviewPage(sessions, settings, templates).show, both)
    get("/admin/quarantine", quarantine.show, admins)
    get("/admin/quarantine/{key}.png", quarantine.picture, admins)
    get("/admin/quarantine/{key}", quarantine.one, admins)
    get("/admin/quarantine/{key}/layout", drawing.show, admins)
    get("/admin/jobs", jobs.show, both)
    get("/admin/peers", peers.show, both)
    get("/admin/models", models.show, both)
    get("/admin/audit", AuditPage(sessions, templates, openings).show, both)
    get("/admin/orders/quarantine", partial(asking.part, "quarantine"), admins)
    get("/admin/orders/{group}", asking.part, both)
    post("/admin/quarantine/{key}", quarantine.decide)
    post("/admin/quarantine/{key}/layout", drawing.save)
    post("/admin/jobs/retry", jobs.retry_all)
    post("/admin/jobs/{job_id}/retry", jobs.retry)
    post("/admin/peers/test", peers.test)
    post("/admin/models/activate", models.activate_named)
    post("/admin/models/{model_id}", models.activate)
