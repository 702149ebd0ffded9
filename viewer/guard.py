"""What every answer carries and every request must meet, around the whole application."""

from collections.abc import Callable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "font-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_METHODS = {"GET", "HEAD", "POST"}


class Guard:
    """Answers for this machine's own names only, takes forms from our own pages only, marks every answer as private.

    A page elsewhere could have its name point to 127.0.0.1 and then read ours (DNS rebinding); its Host header gives
    it away.
    """

    def __init__(self, app: ASGIApp, *, leave: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self.leave = leave
        """To be called when the server is about to stop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer with our headers, or a refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(MutableHeaders(scope=message))
            await send(message)

        await (_refusal(scope) or self._app)(scope, receive, marked)


def _mark(headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


def _refusal(scope: Scope) -> ASGIApp | None:
    if not _is_ours(Headers(scope=scope).get("host", "")):
        return PlainTextResponse("These pages are at 127.0.0.1 and localhost only.\n", 421)
    if scope["method"] not in _METHODS:
        return PlainTextResponse("These pages take no such request.\n", 405, headers={"Allow": "GET, HEAD, POST"})
    if scope["method"] == "POST" and Headers(scope=scope).get("sec-fetch-site") != "same-origin":
        return PlainTextResponse("Forms are taken from these pages only.\n", 403)
    return None


def _is_ours(host: str) -> bool:
    """Whether a Host header (RFC 9110 7.2) names this machine by a name that nobody else can own."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, "0"
    if not port.isdecimal():
        return False
    try:
        return name.casefold() == "localhost" or ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
