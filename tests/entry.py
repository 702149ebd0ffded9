"""Ways into the pages for tests: users and logins made of rows, and forms sent as a browser sends them."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import httpx
from harness import Installation
from sqlalchemy import select
from starlette.types import ASGIApp

from core.roles import Role
from db import web_sessions
from db.access_tables import User
from db.session import Sessions, make_engine
from db.web_sessions import Limits

PASSWORD = "seven quiet lanterns"
FOREVER = Limits(timedelta(days=400), timedelta(days=400))


def user(sessions: Sessions, name: str = "reader", role: Role = Role.READER, *, password: str = "!") -> User:
    """A user; the default's hash is none, so that nobody can log in by it."""
    with sessions.write() as session:
        found = session.scalar(select(User).where(User.name == name))
        if found is None:
            now = sessions.now(session)
            found = User(
                id=uuid4(),
                name=name,
                role=role,
                password=password,
                must_change=False,
                created_at=now,
                password_set_at=now,
            )
            session.add(found)
    return found


def token_of_login(sessions: Sessions, who: User) -> str:
    """The token of a new login of the user's."""
    with sessions.write() as session:
        kept = session.get_one(User, who.id)
        return web_sessions.open_for(session, kept, now=sessions.now(session), limits=FOREVER)


def cookie(sessions: Sessions, *, name: str = "reader", role: Role = Role.READER, port: int = 8080) -> str:
    """The Cookie header of a user who is logged in."""
    return f"perfuscope_{port}={token_of_login(sessions, user(sessions, name, role))}"


def cookie_of(installation: Installation, *, name: str = "tester", role: Role = Role.ADMIN) -> str:
    """The Cookie header of a user of a running Perfuscope who is logged in."""
    engine = make_engine(installation.owners_database)
    try:
        return cookie(Sessions(engine), name=name, role=role, port=installation.web_port)
    finally:
        engine.dispose()


@dataclass
class Browser:
    """Keeps cookies, and sends forms with what the page that showed them said."""

    app: ASGIApp
    base: str = "http://127.0.0.1:8080"
    client: str = "127.0.0.1"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    headers: dict[str, str] = field(default_factory=dict)
    last: str = ""

    def get(self, place: str, **headers: str) -> httpx.Response:
        return self._ask("GET", place, headers=headers)

    def post(self, place: str, fields: dict[str, object] | None = None, *, csrf: str | None = None, **headers: str):
        """Send a form with the token of the last page, or with another one."""
        sent = {"csrf": self.csrf if csrf is None else csrf, **(fields or {})}
        return self._ask("POST", place, data=sent, headers=headers)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.last)
        return found[1] if found else ""

    def log_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        self.get("/login")
        return self.post("/login", {"name": name, "password": password, **fields})

    def ask(self, method: str, place: str, **options: object) -> httpx.Response:
        return self._ask(method, place, **options)

    def _ask(self, method: str, place: str, *, headers: dict[str, str] | None = None, **options: object):
        named = {name.replace("_", "-"): text for name, text in (headers or {}).items()}
        sent = {**self.headers, **named}
        answer = asyncio.run(self._send(method, place, headers=sent, **options))
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.last = answer.text
        return answer

    async def _send(self, method: str, place: str, **options: object) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=(self.client, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
            answer = await client.request(method, place, **options)
            self.cookies = client.cookies
            return answer


def once_of(page: str, place: str) -> str:
    """What the form for another password of that user carries."""
    forms = [form for form in page.split("<form ") if f'action="{place}"' in form and 'name="once"' in form]
    return forms[0].partition('name="once" value="')[2].partition('"')[0]
