"""The administrators' page of users."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid5

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.params import Depends
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from core import passwords
from core.errors import PerfuscopeError
from core.roles import Role
from db import users
from db.access_tables import User
from db.session import Sessions
from db.users import Hand, NewPassword
from viewer.access import Principal, allowed, principal, shown
from viewer.forms import Fields, Form
from viewer.render import Templates, sentence

_Change = Callable[[Session, User, Fields, Hand], str]


@dataclass(frozen=True, slots=True)
class Notice:
    """What came of a change; a secret is shown this once."""

    text: str
    secret: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class UsersPage:
    """Who may log in: add, another role, another password, not any longer."""

    sessions: Sessions
    templates: Templates

    def add_to(self, app: FastAPI) -> None:
        """The addresses."""
        admin = [Depends(allowed(Role.ADMIN))]
        app.add_api_route("/admin/users", self.page, methods=["GET", "HEAD"], dependencies=admin)
        app.add_api_route("/admin/users", self.add, methods=["POST"], dependencies=admin)
        app.add_api_route("/admin/users/{user_id}", self.change, methods=["POST"], dependencies=admin)

    def page(self, request: Request) -> Response:
        """The list as it is."""
        return self._page(request)

    def add(self, request: Request, form: Form) -> Response:
        """A new user with a password that is shown once and must be changed at the first login."""
        secret = passwords.made_up()
        try:
            role = _role(form.one("role"))
            password = NewPassword.of(secret, name=form.one("name"))
            with self.sessions.write() as session:
                user = users.add(session, role, password, must_change=True, by=self._hand(session, request))
        except PerfuscopeError as error:
            return self._page(request, Notice(sentence(error), wrong=True), 422)
        return self._page(
            request, Notice(f"{user.name} may log in with this password, and must change it then.", secret)
        )

    def change(self, request: Request, user_id: UUID, form: Form) -> Response:
        """What the pressed button says."""
        try:
            return self._page(request, self._changed(request, user_id, form))
        except PerfuscopeError as error:
            return self._page(request, Notice(sentence(error), wrong=True), 409)

    def _changed(self, request: Request, user_id: UUID, form: Fields) -> Notice:
        if form.one("do") == "password":
            return self._new_password(request, user_id, form.one("once"))
        change = _CHANGES.get(form.one("do"))
        if change is None:
            raise HTTPException(400)
        with self.sessions.write() as session:
            user = _user(session, user_id)
            _refuse_own(principal(request), user, form.one("do"))
            return Notice(change(session, user, form, self._hand(session, request)))

    def _new_password(self, request: Request, user_id: UUID, once: str) -> Notice:
        """Another password, shown once; it is hashed between two transactions."""
        with self.sessions.read() as session:
            user = _user(session, user_id)
            _refuse_own(principal(request), user, "password")
            name = user.name
        secret = passwords.made_up()
        password = NewPassword.of(secret, name=name)
        with self.sessions.write() as session:
            user, by = _user(session, user_id), self._hand(session, request)
            _refuse_again(session, user, once)
            users.set_password(session, user, password, must_change=True, by=by)
        return Notice(f"{name} may log in with this password, and must change it then.", secret)

    def _hand(self, session: Session, request: Request) -> Hand:
        return Hand(actor=principal(request).actor, now=self.sessions.now(session))

    def _page(self, request: Request, notice: Notice | None = None, status: int = 200) -> Response:
        with self.sessions.read() as session:
            listed = users.listed(session)
            context = {"users": [(user, _once(user)) for user in listed], "roles": list(Role), "notice": notice}
        return HTMLResponse(self.templates.text("users.html", there="users", **shown(request), **context), status)


def _user(session: Session, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user


def _once(user: User) -> str:
    """What the form for a new password carries: another one as soon as there is another password; it tells nothing."""
    return str(uuid5(user.id, user.password))


def _refuse_again(session: Session, user: User, once: str) -> None:
    """PerfuscopeError for a form that comes twice: a second password would make the one that was shown worthless."""
    session.refresh(user, with_for_update=True)
    if once != _once(user):
        msg = (
            f"{user.name} has had another password since that form was opened, so none was made; "
            "one that was not noted cannot be shown again: open this page anew and make another"
        )
        raise PerfuscopeError(msg)


def _refuse_own(who: Principal, user: User, do: str) -> None:
    """PerfuscopeError for what would end one's own work here by one slip."""
    if user.id == who.user_id and do in _OTHERS_ONLY:
        raise PerfuscopeError(_OTHERS_ONLY[do])


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        msg = f"the role {text!r} is not allowed: it is one of {', '.join(Role)}"
        raise PerfuscopeError(msg) from None


def _set_role(session: Session, user: User, form: Fields, by: Hand) -> str:
    users.set_role(session, user, _role(form.one("role")), by=by)
    return f"{user.name} is {user.role.value} now."


def _disable(session: Session, user: User, _form: Fields, by: Hand) -> str:
    users.disable(session, user, by=by)
    return f"{user.name} may not log in any longer."


def _enable(session: Session, user: User, _form: Fields, by: Hand) -> str:
    users.enable(session, user, by=by)
    return f"{user.name} may log in again."


def _unlock(session: Session, user: User, _form: Fields, by: Hand) -> str:
    users.unlock(session, user, by=by)
    return f"{user.name} may try again at once."


_OTHERS_ONLY = {
    "role": "nobody gives themselves another role; another administrator can",
    "disable": "nobody disables themselves; another administrator can",
    "password": "one's own password is changed on the page of one's own account",
}
_CHANGES: dict[str, _Change] = {
    "role": _set_role,
    "disable": _disable,
    "enable": _enable,
    "unlock": _unlock,
}
