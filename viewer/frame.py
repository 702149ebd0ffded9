"""What stands round every page: who is logged in, where one can go, and what forms carry."""

from dataclasses import dataclass, field

from fastapi import Request
from markupsafe import Markup

from viewer import access


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    name: str
    address: str
    here: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of one answer."""

    who: access.Principal
    places: tuple[Place, ...]
    csrf: Markup = field(repr=False)


_PLACES = (("Worklist", "/"), ("Try an image", "/try"))


def of(request: Request) -> Frame:
    """The frame for whoever asks."""
    path = request.url.path
    places = tuple(
        Place(name, address, path == address or (address == "/" and path.startswith("/studies")))
        for name, address in _PLACES
    )
    return Frame(access.principal(request), places, access.csrf_field(request))
