"""Where somebody begins: the worklist, or for who may see no patient the overview."""

from core.roles import Role
from viewer.access import Principal

_WORKLIST, _OVERVIEW = "/", "/admin"


def first_page(who: Principal | None) -> str:
    """The address of it; the worklist's for somebody nobody knows."""
    return of(who.role) if who is not None else _WORKLIST


def of(role: Role) -> str:
    """The same for a role."""
    return _WORKLIST if role.serves_as(Role.READER) else _OVERVIEW
