"""Logging in and out."""

import math
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.params import Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from core.roles import Role
from core.types import AuditAction
from db import audit, users, web_sessions
from db.session import Sessions
from viewer.access import PUBLIC, allowed, principal, shown
from viewer.door import Door
from viewer.errors import place_to_return_to
from viewer.first_page import of as first_page_of
from viewer.forms import Form
from viewer.render import Templates
from viewer.turnstile import NOBODY, Passed, Turnstile, Wait, Wrong

_WRONG = "This name and this password do not belong together."
_BUSY = "Too many people log in at once. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a page says of a password that opens nothing, and how."""

    said: str
    status: int
    headers: dict[str, str] | None = None


def refusal(verdict: Wrong | Wait, *, wrong: str, status: int) -> Refusal:
    """One in ``wrong``'s words and with that status, unless the password was not looked at or must now wait."""
    if isinstance(verdict, Wait):
        minutes = math.ceil(verdict.seconds / 60)
        said = f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        return Refusal(said, 429, {"Retry-After": str(verdict.seconds)})
    return Refusal(_BUSY, 503, {"Retry-After": "1"}) if verdict is Wrong.BUSY else Refusal(wrong, status)


@dataclass(frozen=True, slots=True)
class Login:
    """The page to log in on, and the way out."""

    sessions: Sessions
    templates: Templates
    door: Door
    turnstile: Turnstile

    def add_to(self, app: FastAPI) -> None:
        """The addresses."""
        everybody = [Depends(allowed(*Role, while_changing=True))]
        app.add_api_route("/login", self.page, methods=["GET", "HEAD"], dependencies=[Depends(PUBLIC)])
        app.add_api_route("/login", self.enter, methods=["POST"], dependencies=[Depends(PUBLIC)])
        app.add_api_route("/logout", self.leave, methods=["POST"], dependencies=everybody)

    def page(self, request: Request, next: str = "/") -> Response:  # noqa: A002 - the address's word for it
        """The form, or the way to the first user where there is none."""
        known = self.door.known(request)
        if known is not None:
            return RedirectResponse(_way(next, known.role), 303)
        with self.sessions.read() as session:
            anybody = users.anybody(session)
        return self._page(request, next, anybody=anybody)

    def enter(self, request: Request, form: Form) -> Response:
        """Log in: a new token for the browser, whatever it had before."""
        back = place_to_return_to(form.one("next"))
        verdict = self.turnstile.check(form.one("name"), form.one("password"), request.state.origin.address)
        if not isinstance(verdict, Passed):
            return self._refused(request, back, verdict)
        answer = RedirectResponse(back, 303)
        role = self.let_in(request, answer, verdict)
        if role is None:
            return self._refused(request, back, Wrong.PASSWORD)
        answer.headers["Location"] = _way(back, role)
        return answer

    def _refused(self, request: Request, back: str, verdict: Wrong | Wait) -> Response:
        refused = refusal(verdict, wrong=_WRONG, status=401)
        return self._page(request, back, said=refused.said, status=refused.status, headers=refused.headers)

    def let_in(self, request: Request, answer: Response, passed: Passed) -> Role | None:
        """Open a login for the user and give the browser its token; the user's role.

        What the browser had before is good for nothing. None, and no login, if the password is no longer theirs.
        """
        before = self.door.cookie.of(request)
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            user = passed.still(session)
            detail = f"address={request.state.origin.address}"
            if user is None:
                detail = f"login changed_meanwhile {detail}"
                audit.record(session, AuditAction.REFUSE, actor=NOBODY, now=now, subject=passed.user_id, detail=detail)
                return None
            if before is not None:
                web_sessions.end_token(session, before)
            token = web_sessions.open_for(session, user, now=now, limits=self.door.limits)
            audit.record(session, AuditAction.LOGIN, actor=f"user:{user.name}", now=now, subject=user.id, detail=detail)
        self.door.cookie.give(request, answer, token)
        return user.role

    def leave(self, request: Request) -> Response:
        """Log out: the token is good for nothing any more."""
        who = principal(request)
        if who.key_id is not None:
            with self.sessions.write() as session:
                now = self.sessions.now(session)
                web_sessions.end(session, who.key_id)
                audit.record(session, AuditAction.LOGOUT, actor=who.actor, now=now, subject=who.user_id)
        answer = RedirectResponse("/login", 303)
        self.door.cookie.take(request, answer)
        return answer

    def _page(
        self,
        request: Request,
        back: str,
        *,
        anybody: bool = True,
        said: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        visit = None if self.door.cookie.of(request) else web_sessions.new_token()
        request.state.visit = visit
        context = {"back": place_to_return_to(back), "said": said, "anybody": anybody}
        answer = HTMLResponse(self.templates.text("login.html", **shown(request), **context), status, headers)
        if visit is not None:
            self.door.cookie.give(request, answer, visit)
        return answer


def _way(asked: str, role: Role) -> str:
    """Where the login leads: the page asked for, or the role's first one where none was."""
    place = place_to_return_to(asked)
    return first_page_of(role) if place == "/" else place
