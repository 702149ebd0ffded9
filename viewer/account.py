"""A user's own page: another password, where they are logged in, and what programs have a token of theirs."""

from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.params import Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from core.errors import PerfuscopeError
from core.passwords import SHORTEST
from core.roles import Role
from core.types import AuditAction
from db import api_tokens, audit, users, web_sessions
from db.session import Sessions
from db.users import Hand, NewPassword
from viewer.access import allowed, principal, shown
from viewer.forms import Form
from viewer.login import Login, refusal
from viewer.render import Templates, sentence
from viewer.turnstile import Passed, Turnstile, Wrong

_DIFFER = "The new password was not typed twice alike."
_WRONG = "The password you have now was not right."


@dataclass(frozen=True, slots=True)
class Account:
    """What everybody may do for themselves."""

    sessions: Sessions
    templates: Templates
    turnstile: Turnstile
    login: Login

    def add_to(self, app: FastAPI) -> None:
        """The addresses."""
        changing = [Depends(allowed(*Role, while_changing=True))]
        app.add_api_route("/account", self.page, methods=["GET", "HEAD"], dependencies=changing)
        app.add_api_route("/account/password", self.change, methods=["POST"], dependencies=changing)
        app.add_api_route("/account/leave", self.leave_elsewhere, methods=["POST"], dependencies=changing)

    def page(self, request: Request) -> Response:
        """The page as it is."""
        return self._page(request)

    def change(self, request: Request, form: Form) -> Response:
        """Another password; every login ends but this one, which gets a new token."""
        who = principal(request)
        if form.one("new") != form.one("again"):
            return self._page(request, _DIFFER, 422)
        verdict = self.turnstile.check(who.name, form.one("password"), request.state.origin.address)
        if not isinstance(verdict, Passed) or verdict.user_id != who.user_id:
            told = Wrong.PASSWORD if isinstance(verdict, Passed) else verdict
            refused = refusal(told, wrong=_WRONG, status=422)
            return self._page(request, refused.said, refused.status, refused.headers)
        try:
            passed = self._set(request, verdict, form.one("new"), unlike=form.one("password"))
        except PerfuscopeError as error:
            return self._page(request, sentence(error), 422)
        answer = RedirectResponse("/account?changed=1", 303)
        self.login.let_in(request, answer, passed)
        return answer

    def leave_elsewhere(self, request: Request) -> Response:
        """Every other login of theirs ends."""
        who = principal(request)
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            ended = web_sessions.end_others(session, who.user_id, but=who.key_id)
            detail = f"elsewhere={ended}"
            audit.record(session, AuditAction.LOGOUT, actor=who.actor, now=now, subject=who.user_id, detail=detail)
        return RedirectResponse("/account", 303)

    def _set(self, request: Request, passed: Passed, new: str, *, unlike: str) -> Passed:
        if new == unlike:
            raise PerfuscopeError("the new password is the one you have now")
        who = principal(request)
        password = NewPassword.of(new, name=who.name)
        with self.sessions.write() as session:
            user = passed.still(session)
            if user is None:
                raise PerfuscopeError(_WRONG.rstrip("."))
            users.set_password(
                session, user, password, must_change=False, by=Hand(actor=who.actor, now=self.sessions.now(session))
            )
            return Passed(user.id, user.password)

    def _page(
        self, request: Request, said: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        who = principal(request)
        with self.sessions.read() as session:
            now = self.sessions.now(session)
            context = {
                "logins": web_sessions.of_user(session, who.user_id),
                "tokens": [
                    (token, api_tokens.standing(token, user, now=now))
                    for token, user in api_tokens.listed(session, user_id=who.user_id)
                ],
            }
        told = {"said": said, "changed": request.query_params.get("changed") == "1", "shortest": SHORTEST}
        return HTMLResponse(self.templates.text("account.html", **shown(request), **context, **told), status, headers)
