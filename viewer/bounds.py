"""What every request keeps to before anything reads it: a body of a known size at most, and an address that is text."""

from collections.abc import Callable, Mapping

from fastapi import HTTPException, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

USUAL = 128 * 1024
"""Our largest form is half of that."""


class Bounds:
    """Refuses what is longer than allowed while it comes in: a route's rule is asked only once its body was read.

    ``larger`` names the addresses that take more. No address holds a NUL, which no database would look for.
    """

    def __init__(
        self, app: ASGIApp, refuse: Callable[[Request, int], Response], larger: Mapping[str, int] | None = None
    ) -> None:
        self._app, self._refuse, self._larger = app, refuse, larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer, or 400 or 413."""
        most = self._larger.get(scope["path"], USUAL)
        request = Request(scope)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await self._refuse(request, 400)(scope, receive, send)
        elif _promised(request) > most:
            await self._refuse(request, 413)(scope, receive, send)
        else:
            await self._app(scope, _counted(receive, most), send)


def _promised(request: Request) -> int:
    """The length that the request claims; the server holds it to that."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _counted(receive: Receive, most: int) -> Receive:
    """The same messages; 413 as soon as they are too much."""
    length = 0

    async def next_message() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > most:
            raise HTTPException(413)
        return message

    return next_message
