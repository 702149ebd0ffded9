"""Knows who asks: by the cookie of a login, or by a program's token."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request

from core.settings_web import WebSettings
from core.types import AuditAction
from db import api_tokens, audit, web_sessions
from db.session import Sessions
from db.web_sessions import TOUCH_EVERY, Limits
from viewer import csrf
from viewer.access import Principal
from viewer.cookie import Cookie


def limits_of(web: WebSettings) -> Limits:
    """How long logins are good by the settings."""
    return Limits(idle=timedelta(minutes=web.idle_minutes), whole=timedelta(hours=web.session_hours))


@dataclass(frozen=True, slots=True)
class Door:
    """The gate of the pages and the API."""

    sessions: Sessions
    cookie: Cookie
    limits: Limits

    def known(self, request: Request) -> Principal | None:
        """Whoever asks. With an Authorization header it is that or nobody; the cookie does not count then."""
        header = request.headers.get("authorization")
        return self._by_session(request) if header is None else self._by_token(header)

    def refused(self, request: Request, who: Principal) -> None:
        """Write down which route it was; not which study."""
        path = getattr(request.scope.get("route"), "path", "?")
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            detail = f"{request.method} {path}"
            audit.record(session, AuditAction.REFUSE, actor=who.actor, now=now, subject=who.user_id, detail=detail)

    def csrf(self, request: Request) -> str:
        """What a form of this browser's must send back; nothing for a browser without a cookie."""
        known = getattr(request.state, "visit", None) or self.cookie.of(request)
        return csrf.token(known) if known else ""

    def _by_session(self, request: Request) -> Principal | None:
        token = self.cookie.of(request)
        if token is None:
            return None
        with self.sessions.read() as session:
            now = self.sessions.now(session)
            found = web_sessions.find(session, token, now=now, limits=self.limits)
        if found is None:
            return None
        opened, user = found
        if _is_there(request) and now - opened.seen_at >= TOUCH_EVERY:
            with self.sessions.write() as session:
                web_sessions.touch(session, opened.id, now=now)
        return Principal(user.name, user.id, user.role, "session", key_id=opened.id, must_change=user.must_change)

    def _by_token(self, header: str) -> Principal | None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer" or not text.startswith(api_tokens.PREFIX):
            return None
        with self.sessions.read() as session:
            now = self.sessions.now(session)
            found = api_tokens.find(session, text.strip())
        if found is None:
            return None
        token, user = found
        scopes = api_tokens.scopes_of(token)
        who = Principal(user.name, user.id, user.role, "token", key_id=token.id, label=token.label, scopes=scopes)
        standing = api_tokens.standing(token, user, now=now)
        if not api_tokens.is_fresh(token, now=now):
            with self.sessions.write() as session:
                api_tokens.used(session, token, now=now)
                if standing != "good":
                    audit.record(
                        session,
                        AuditAction.REFUSE,
                        actor=who.actor,
                        now=now,
                        subject=token.id,
                        detail=f"token {standing}",
                    )
        return who if standing == "good" else None


def _is_there(request: Request) -> bool:
    """Whether the user did something: opened a page or sent a form. A page that keeps itself up to date did not.

    Older browsers do not say how they ask; then it is seen by what is asked for.
    """
    if request.method == "POST":
        return True
    keeps_up = "seen" in request.query_params or "text/event-stream" in request.headers.get("accept", "")
    return request.headers.get("sec-fetch-mode", "navigate") == "navigate" and not keeps_up
