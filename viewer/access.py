"""Who is asking, and what they may: until users have logins, whoever reaches the pages of this machine may use them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import Request
from markupsafe import Markup

from core.roles import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking."""

    name: str
    user_id: UUID
    role: Role
    via: Literal["session", "token"]

    @property
    def actor(self) -> str:
        """What the audit trail calls them."""
        return self.name


def allowed(*roles: Role, scope: str | None = None) -> Callable[[Request], None]:  # noqa: ARG001 - logins ask for them
    """A dependency of a route that lets these roles in."""

    def check(request: Request) -> None:
        """Everybody may."""

    return check


def principal(request: Request) -> Principal:  # noqa: ARG001 - see above
    """Whoever asks; without logins, somebody at this machine."""
    return Principal("web", UUID(int=0), Role.ADMIN, "session")


def csrf_field(request: Request) -> Markup:  # noqa: ARG001 - see above
    """What a form carries to prove that it is ours; the guard asks the browser instead."""
    return Markup("")
