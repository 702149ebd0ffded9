"""Who may open what: each route carries one rule, and what was asked for is answered only to whom it admits.

    @router.get("/studies", dependencies=[Depends(allowed(Role.READER, scope="studies"))])
    def studies(request: Request) -> Response:
        who = principal(request)

A route without a rule stops the application from being made.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request
from fastapi.routing import iter_route_contexts
from markupsafe import Markup, escape
from starlette.routing import Mount

from core.roles import Role, Scope

CSRF_FIELD = "csrf"
"""The hidden input's name. It must be the first field of a form that sends files."""
CSRF_HEADER = "X-CSRF-Token"
"""Where a script of ours sends it instead."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks: a user in a browser, or a program with a token of that user's."""

    name: str
    user_id: UUID
    role: Role
    via: Literal["session", "token"]
    key_id: UUID | None = None
    """The session or the token."""
    label: str = ""
    """What the token is called."""
    scopes: frozenset[Scope] = frozenset()
    """What the token is good for; a session is good for everything its role is."""
    must_change: bool = False
    """Whether the password was set by somebody else: nothing but changing it is allowed."""

    @property
    def actor(self) -> str:
        """What the audit trail calls them."""
        return f"token:{self.name}/{self.label}" if self.via == "token" else f"user:{self.name}"


class Gate(Protocol):
    """Knows who asks; the application keeps it in its state."""

    def known(self, request: Request) -> Principal | None:
        """Whoever asks, if the session or token is good."""

    def refused(self, request: Request, who: Principal) -> None:
        """Write down that somebody known asked for what is not theirs."""

    def csrf(self, request: Request) -> str:
        """What a form of this browser's must send back."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a route admits. As a dependency of the route it lets them through and raises for everybody else.

    401: nobody known asks; 403: somebody known to whom it is not open, or who must change the password first.
    """

    roles: frozenset[Role] = frozenset()
    scope: Scope | None = None
    anybody: bool = False
    while_changing: bool = False
    """Whether it is open to a user who must change the password first."""

    def __call__(self, request: Request) -> None:
        """Admit or raise; who it is can be asked by ``principal`` afterwards."""
        if self.anybody:
            return
        gate: Gate = request.app.state.gate
        who = gate.known(request)
        if who is None:
            raise HTTPException(401)
        request.state.principal = who
        if who.must_change and not self.while_changing:
            raise HTTPException(403, MUST_CHANGE)
        if not self.admits(who):
            gate.refused(request, who)
            raise HTTPException(403)

    def admits(self, who: Principal) -> bool:
        """Whether the rule is met by them."""
        if who.via == "token" and (self.scope is None or self.scope not in who.scopes):
            return False
        return any(who.role.serves_as(role) for role in self.roles)


MUST_CHANGE = "must_change"
"""The detail of a refusal that ends once the password is changed."""
PUBLIC = Rule(anybody=True)
"""For what is shown to everybody: the page to log in on."""


def allowed(*roles: Role, scope: str | None = None, while_changing: bool = False) -> Rule:
    """The rule for these roles' users, and for tokens of theirs that have the scope; without one, for no token.

    What is open to readers is open to administrators. ``while_changing`` opens it also to who must change the password
    first. Raises ValueError for a scope that is none of ``core.roles``.
    """
    if not roles:
        raise ValueError("a rule names at least one role")
    return Rule(frozenset(roles), Scope(scope) if scope is not None else None, while_changing=while_changing)


def principal(request: Request) -> Principal:
    """Whoever the route's rule let through."""
    found: Principal = request.state.principal
    return found


def csrf_field(request: Request) -> Markup:
    """The hidden input without which a form is refused."""
    gate: Gate = request.app.state.gate
    return Markup(f'<input type="hidden" name="{CSRF_FIELD}" value="{escape(gate.csrf(request))}">')  # noqa: S704 - escaped


def still_allowed(request: Request) -> bool:
    """Whether the one who was let through still would be: for answers that go on for long."""
    gate: Gate = request.app.state.gate
    now = gate.known(request)
    return now is not None and now.role is principal(request).role and not now.must_change


def shown(request: Request) -> dict[str, Any]:
    """What every page's template is given: who looks at it, and the hidden input for its forms."""
    return {"who": getattr(request.state, "principal", None), "csrf": csrf_field(request)}


@dataclass(frozen=True, slots=True)
class Opening:
    """An address of the application, and the rules that all must admit whoever asks for it."""

    path: str
    methods: frozenset[str]
    rules: tuple[Rule, ...]

    def admits(self, who: Principal | None) -> bool:
        """Whether they may come in; None is somebody nobody knows."""
        return all(rule.anybody or (who is not None and rule.admits(who)) for rule in self.rules)


def openings(app: FastAPI) -> list[Opening]:
    """Every address there is but mounted folders, out of the application's own table of routes."""
    found = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            continue
        needs = getattr(route, "dependant", None)
        rules = tuple(n.call for n in needs.dependencies if isinstance(n.call, Rule)) if needs else ()
        found.append(Opening(route.path or "", frozenset(route.methods or ()), rules))
    return found


def check(app: FastAPI, *, mounts: frozenset[str] = frozenset({"/static"})) -> None:
    """Raise TypeError unless every route carries a rule; folders may only be mounted where ``mounts`` says."""
    stray = [route.path for route in app.routes if isinstance(route, Mount) and route.path not in mounts]
    for path in (*stray, *(opening.path for opening in openings(app) if not opening.rules)):
        msg = f"the route {path} has no rule; write dependencies=[Depends(allowed(...))]"
        raise TypeError(msg)
