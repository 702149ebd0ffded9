"""What every answer carries and every request must meet, around the whole application."""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings_web import WebSettings
from viewer.origin import judge

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
_STAY_SECURE = "max-age=31536000"
"""A year in which the browser asks over TLS only (RFC 6797)."""
_METHODS = ("GET", "HEAD", "POST")
_OURS_ALONE = "/api/"
"""Programs ask below it; a browser that was only led there would save all patients as a file, in its user's name."""


class Guard:
    """Answers whoever asks by a name of ours, over what the settings allow, and marks every answer as private.

    A page elsewhere could have its name point to 127.0.0.1 and then read ours (DNS rebinding); its Host header gives
    it away. One that loads ours as an image or a frame cannot read it, but would have it written down that our user
    looked at somebody. What answers programs is also a file to be saved: nobody else's page leads there either.
    """

    def __init__(self, app: ASGIApp, web: WebSettings, *, leave: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._web = web
        self.leave = leave
        """To be called when the server is about to stop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer with our headers, or a refusal; the origin is in the request's state."""
        if scope["type"] != "http":
            return
        origin = judge(scope, self._web)
        secure = not isinstance(origin, str) and origin.secure

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(MutableHeaders(scope=message), secure=secure)
            await send(message)

        if isinstance(origin, str):
            answer: ASGIApp = PlainTextResponse(origin + "\n", 421)
        elif _is_a_strangers(scope["path"], Headers(scope=scope)):
            answer = PlainTextResponse("Another site's page does not show or load this.\n", 403)
        elif scope["method"] not in _METHODS:
            answer = PlainTextResponse("Pages are read by GET and changed by POST.\n", 405, headers=_ALLOW)
        else:
            scope.setdefault("state", {})["origin"] = origin
            answer = self._app
        await answer(scope, receive, marked)


def _is_a_strangers(path: str, headers: Headers) -> bool:
    """Whether a browser says that a page of another site or port loads it (Fetch Metadata), or leads where none may."""
    if headers.get("sec-fetch-site", "none") not in {"cross-site", "same-site"}:
        return False
    if path.startswith(_OURS_ALONE):
        return True
    leads = headers.get("sec-fetch-mode", "navigate") == "navigate"
    return not (leads and headers.get("sec-fetch-dest", "document") == "document")


_ALLOW = {"Allow": ", ".join(_METHODS)}


def _mark(headers: MutableHeaders, *, secure: bool) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    if secure:
        headers["Strict-Transport-Security"] = _STAY_SECURE
    headers.setdefault("Cache-Control", "no-store")
