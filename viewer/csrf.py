"""Forms are taken from our own pages only: each carries what only a page of this browser's could know."""

import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.access import CSRF_FIELD, CSRF_HEADER
from viewer.cookie import Cookie
from viewer.forms import LARGEST_FORM

_SAFE = ("GET", "HEAD")
_FIRST_PART = 4096
"""So much of a form with files is read to find its first field."""
_PART = re.compile(
    rb'\A--[^\r\n]+\r\ncontent-disposition: form-data; name="(\w+)"\r\n\r\n([^\r\n]*)\r\n', re.IGNORECASE
)


def token(of: str) -> str:
    """What the forms of the browser that has this cookie carry; it follows from the cookie and tells nothing of it."""
    return hmac.new(of.encode(errors="replace"), b"form", hashlib.sha256).hexdigest()


class FormGuard:
    """Lets through what only reads, programs with a token of their own, and forms that one of our pages made.

    A browser that says where a form comes from (Sec-Fetch-Site, Origin) must say that it comes from here; in any case
    the form carries the token of the browser's cookie. One from before the login or after the logout is refused.
    """

    def __init__(self, app: ASGIApp, cookie: Cookie, refuse: Callable[[Request], Response]) -> None:
        self._app = app
        self._cookie = cookie
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer, or a refusal; what was read of the body is handed on."""
        request = Request(scope, receive)
        if scope["method"] in _SAFE or _is_program(request):
            await self._app(scope, receive, send)
            return
        beginning: list[Message] = []
        sent = await _sent_token(request, receive, beginning) if _is_from_here(request) else None
        if sent is None or not self._is_good(request, sent):
            await self._refuse(request)(scope, receive, send)
            return
        await self._app(scope, _again(beginning, receive), send)

    def _is_good(self, request: Request, sent: str) -> bool:
        known = self._cookie.of(request)
        return known is not None and hmac.compare_digest(token(known).encode(), sent.encode(errors="replace"))


def _is_program(request: Request) -> bool:
    """Whether it brings a token of its own, which no form can; a browser may add a name and password by itself."""
    return request.headers.get("authorization", "").lower().startswith("bearer ")


def _is_from_here(request: Request) -> bool:
    """What the browser itself says of it; old ones say nothing, and Referrer-Policy makes some say ``null``."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    said = request.headers.get("origin", "null")
    return site in {"same-origin", "none"} and said in {"null", request.state.origin.own}


async def _sent_token(request: Request, receive: Receive, kept: list[Message]) -> str | None:
    """The token that came with the request; None without one, or for a form of unlikely size."""
    if (header := request.headers.get(CSRF_HEADER)) is not None:
        return header
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        body = await _read(receive, kept, LARGEST_FORM)
        return None if len(body) > LARGEST_FORM else _field(body)
    if kind == "multipart/form-data":
        part = _PART.match(await _read(receive, kept, _FIRST_PART))
        return part[2].decode("ascii", "replace") if part is not None and part[1] == CSRF_FIELD.encode() else None
    return None


def _field(body: bytes) -> str | None:
    try:
        values = parse_qs(body.decode("ascii", "replace"), max_num_fields=200).get(CSRF_FIELD)
    except ValueError:
        return None
    return values[0] if values is not None and len(values) == 1 else None


async def _read(receive: Receive, kept: list[Message], most: int) -> bytes:
    """The body up to somewhat more than ``most``; every message that was taken is kept."""
    body = b""
    more = True
    while more and len(body) <= most:
        message = await receive()
        kept.append(message)
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _again(kept: list[Message], receive: Receive) -> Receive:
    """First what was taken already, then what comes."""
    waiting = iter(kept)

    async def next_message() -> Message:
        return next(waiting, None) or await receive()

    return next_message
