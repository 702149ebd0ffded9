"""The administrators' page of programs' tokens."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.params import Depends
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.roles import Role, Scope
from db import api_tokens, users
from db.access_tables import ApiToken, User
from db.session import Sessions
from db.users import Hand
from viewer.access import allowed, principal, shown
from viewer.forms import Fields, Form
from viewer.render import Templates, sentence
from viewer.users_page import Notice

_HAVE_TOKENS = frozenset[Role]().union(*(scope.roles for scope in Scope))
_DIGITS = 5
"""A number of days has fewer."""


@dataclass(frozen=True, slots=True)
class TokensPage:
    """Which programs may ask the API, for what and until when."""

    sessions: Sessions
    templates: Templates

    def add_to(self, app: FastAPI) -> None:
        """The addresses."""
        admin = [Depends(allowed(Role.ADMIN))]
        app.add_api_route("/admin/tokens", self.page, methods=["GET", "HEAD"], dependencies=admin)
        app.add_api_route("/admin/tokens", self.add, methods=["POST"], dependencies=admin)
        app.add_api_route("/admin/tokens/{token_id}/revoke", self.revoke, methods=["POST"], dependencies=admin)

    def page(self, request: Request) -> Response:
        """The list as it is."""
        return self._page(request)

    def add(self, request: Request, form: Form) -> Response:
        """A new token; it is shown once."""
        try:
            with self.sessions.write() as session:
                token = self._add(session, form, self._hand(session, request))
        except PerfuscopeError as error:
            return self._page(request, Notice(sentence(error), wrong=True), 422)
        return self._page(request, Notice("The program sends it as: Authorization: Bearer, a blank, and this.", token))

    def revoke(self, request: Request, token_id: UUID) -> Response:
        """Make a token good for nothing."""
        with self.sessions.write() as session:
            token = session.get(ApiToken, token_id)
            if token is None:
                raise HTTPException(404)
            user = session.get_one(User, token.user_id)
            api_tokens.revoke(session, token, user, by=self._hand(session, request))
        return self._page(request, Notice(f"{user.name}/{token.label} is good for nothing now."))

    @staticmethod
    def _add(session: Session, form: Fields, by: Hand) -> str:
        days = form.one("days")
        scopes = [Scope(text) for text in form.all("scope") if text in set(Scope)]
        user = users.named(session, form.one("user"))
        return api_tokens.add(
            session,
            user,
            form.one("label").strip(),
            scopes,
            days=int(days) if days.isascii() and days.isdecimal() and len(days) < _DIGITS else 0,
            by=by,
        )

    def _hand(self, session: Session, request: Request) -> Hand:
        return Hand(actor=principal(request).actor, now=self.sessions.now(session))

    def _page(self, request: Request, notice: Notice | None = None, status: int = 200) -> Response:
        with self.sessions.read() as session:
            now = self.sessions.now(session)
            tokens = [(t, user, api_tokens.standing(t, user, now=now)) for t, user in api_tokens.listed(session)]
            context = {
                "tokens": tokens,
                "users": [
                    user for user in users.listed(session) if user.disabled_at is None and user.role in _HAVE_TOKENS
                ],
                "scopes": list(Scope),
                "days": api_tokens.USUAL_DAYS,
                "longest": api_tokens.LONGEST_DAYS,
                "notice": notice,
            }
        return HTMLResponse(self.templates.text("tokens.html", there="tokens", **shown(request), **context), status)
