"""Peers: when the newest study of each began to come, how deliveries to it stand, and trying it."""

from dataclasses import dataclass

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from core.orders import OrderKind
from core.settings import Settings
from db import orders, peer_contacts
from db.session import Sessions
from viewer import access
from viewer.admin.asking import Asking
from viewer.forms import Form
from viewer.render import Templates


@dataclass(frozen=True, slots=True)
class PeersPage:
    """The peers of the settings. No patient is named."""

    sessions: Sessions
    settings: Settings
    templates: Templates
    asking: Asking

    def show(self, request: Request) -> Response:
        """The page."""
        with self.sessions.read() as session:
            peers = [(peer, peer_contacts.of(session, peer.name, peer.ae_title)) for peer in self.settings.peers]
            tried = {str(o.asked.get("peer")): o for o in reversed(orders.newest(session, OrderKind.TRY_PEER))}
            now = self.sessions.now(session)
            context = {"peers": peers, "tried": tried, "now": now, **self.asking.shown(session, "peers")}
        return HTMLResponse(self.templates.text("peers.html", **access.shown(request), **context, there="peers"))

    def test(self, request: Request, form: Form) -> Response:
        """See whether a peer answers, takes a test object and stores it for good."""
        peer = self.settings.peer_named(form.one("peer"))
        if peer is None:
            raise HTTPException(404)
        return self.asking.ask(request, "peers", OrderKind.TRY_PEER, peer=peer.name)
