"""A program that asks the API with a token, without a network."""

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from applications import application
from starlette.types import ASGIApp

from core.roles import Role, Scope
from core.settings import Settings
from db import api_tokens
from db.access_tables import User
from db.session import Sessions
from db.users import Hand


def token(sessions: Sessions, role: Role = Role.ADMIN, scopes: tuple[Scope, ...] = tuple(Scope)) -> str:
    """A token of a new user's, who has no password that anybody knows; made before the user was given the role."""
    with sessions.write() as session:
        by = Hand("test", sessions.now(session))
        name = f"test-{secrets.token_hex(4)}"
        user = User(
            name=name, role=Role.ADMIN, password="!", must_change=False, created_at=by.now, password_set_at=by.now
        )
        session.add(user)
        session.flush()
        made = api_tokens.add(session, user, "program", scopes, days=1, by=by)
        user.role = role
        return made


@dataclass
class Program:
    """Asks the application's API."""

    app: ASGIApp
    token: str | None
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, sessions: Sessions, home: Path, **user: Any) -> "Program":
        return cls(application(Settings(home=home), sessions), token(sessions, **user))

    def get(self, place: str, **parameters: Any) -> httpx.Response:
        return self.ask("GET", place, params=parameters)

    def post(self, place: str, body: Any) -> httpx.Response:
        return self.ask("POST", place, json=body)

    def ask(self, method: str, place: str, **sent: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, place, sent))

    async def _ask(self, method: str, place: str, sent: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        headers = dict(self.headers) | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.request(method, f"/api/v1{place}", headers=headers, **sent)
