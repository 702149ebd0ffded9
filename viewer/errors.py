"""What is said when something is wrong: a page of ours, or to a program a few words as JSON (RFC 9457)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from db.reviews import LONGEST_COMMENT
from viewer.access import MUST_CHANGE, shown
from viewer.render import Templates

_RETRY_S = 5
_API = "/api/"
_RULELESS = {404, 405}
"""Where it may be that no rule has asked who it is."""
_CAME_FROM = re.compile(r"/[A-Za-z0-9._~/?=&%+-]{0,400}")


@dataclass(frozen=True, slots=True)
class Said:
    """What a status means to whoever reads the page."""

    title: str
    text: str


_UNKNOWN = Said("Nothing is here", "There is no such study, revision or page. It may have been deleted.")
_SAID = {
    400: Said("That cannot be read", "What was sent is not what the page would send. Nothing was changed."),
    401: Said("Log in first", "Your login is over, or there was none."),
    403: Said("Not yours", "Your role does not open this page. An administrator can give you another one."),
    404: _UNKNOWN,
    405: Said("Not that way", "This address is asked for by another method."),
    413: Said("That is too much", "Nothing was kept. One to three screens of at most 64 MB together can be tried."),
    408: Said("That took too long", "What was sent did not arrive in time. Nothing was kept."),
    422: Said("Asked wrongly", "A parameter is not one that is allowed; the API's description says which are."),
    409: Said("Not saved", "You have reviewed this revision so often that no more reviews of it are taken from you."),
    429: Said("Too much at once", "So many pages of yours are open that this one is told nothing. Close some."),
    500: Said("Something went wrong", "The log says where. Nothing was changed."),
    503: Said(
        "Not just now",
        "The database does not answer, or takes no writing, and a page is shown only once its opening is written down; "
        "or too many ask for the same at once.",
    ),
}
COMMENT_TOO_LONG = "comment_too_long"
"""The detail of a refusal of a review whose comment would have to be cut."""
_TOO_LONG = Said(
    "Not saved",
    f"The comment is longer than {LONGEST_COMMENT} characters, and nothing of it is cut. Go back, shorten it and save "
    "the review again.",
)
_READS = ("GET", "HEAD")
_AGAIN = {
    "page": " This page tries again by itself.",
    "form": " What was sent may not have been saved: reload this page or go back, and send it again.",
    "program": " Try again.",
}
"""What to do about a 503: a form is never sent again unasked, and its address cannot be read."""
_FORGED = Said(
    "Send it again",
    "This form is from before your login or after it, or another site sent it, or cookies are off. Nothing was "
    "changed: open the page again.",
)


@dataclass(frozen=True, slots=True)
class Errors:
    """Answers for every error; none shows what was asked for or what went wrong inside."""

    templates: Templates

    def tell(self, app: FastAPI) -> None:
        """Have the application answer so."""
        app.add_exception_handler(HTTPException, self._refusal)
        app.add_exception_handler(RequestValidationError, self._unreadable)
        app.add_exception_handler(SQLAlchemyError, lambda request, _error: self.answer(request, 503))
        app.add_exception_handler(Exception, lambda request, _error: self.answer(request, 500))

    def forged(self, request: Request) -> Response:
        """For a form that no page of ours made for this login."""
        return self.answer(request, 403, _FORGED)

    def answer(
        self, request: Request, status: int, said: Said | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The page, or the words for a program."""
        said = said or _SAID.get(status, _UNKNOWN)
        sent = dict(headers or {}) | ({"Retry-After": str(_RETRY_S)} if status == 503 else {})
        text = said.text + (_AGAIN[_kind(request)] if status == 503 else "")
        if is_api(request):
            body = {"type": "about:blank", "title": said.title, "status": status, "detail": text}
            return JSONResponse(body, status, headers=sent, media_type="application/problem+json")
        if status in _RULELESS:
            _recognise(request)
        retry_s = _RETRY_S if status == 503 and request.method in _READS else None
        context = {"title": said.title, "text": text, "retry_s": retry_s, "login": status == 401}
        return HTMLResponse(self.templates.text("message.html", **shown(request), **context), status, headers=sent)

    def _refusal(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return self.answer(request, 500)
        if error.status_code == 401:
            return self._stranger(request)
        if error.detail == MUST_CHANGE:
            return RedirectResponse("/account", 303) if not is_api(request) else self.answer(request, 403)
        said = _TOO_LONG if error.detail == COMMENT_TOO_LONG else None
        return self.answer(request, error.status_code, said, headers=error.headers)

    def _unreadable(self, request: Request, error: Exception) -> Response:
        """A program is told which parameter is not allowed and why, never what it held; other pages are none."""
        if not is_api(request) or not isinstance(error, RequestValidationError):
            return self.answer(request, 404)
        told = [f"{'.'.join(str(part) for part in one['loc'][:2])}: {one['msg']}" for one in error.errors()]
        return self.answer(request, 422, Said("That is not allowed", "; ".join(told)[:1000]))

    def _stranger(self, request: Request) -> Response:
        """A browser that opens a page goes to the login and comes back; everybody else is told."""
        opens = request.method == "GET" and request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        if opens and not is_api(request) and "text/html" in request.headers.get("accept", "text/html"):
            back = str(request.url.remove_query_params("seen").replace(scheme="", netloc=""))
            return RedirectResponse("/login" if back == "/" else f"/login?next={quote(back, safe='/')}", 303)
        return self.answer(request, 401, headers={"WWW-Authenticate": 'Bearer realm="perfuscope"'})


def _recognise(request: Request) -> None:
    """Whoever is known gets a page with the ways that are theirs, at an address that is none as well."""
    if not hasattr(request.state, "principal"):
        with suppress(SQLAlchemyError):
            request.state.principal = request.app.state.gate.known(request)


def _kind(request: Request) -> str:
    return "program" if is_api(request) else "page" if request.method in _READS else "form"


def is_api(request: Request) -> bool:
    """Whether a program asks."""
    return request.url.path.startswith(_API)


def place_to_return_to(text: str) -> str:
    """A page of ours to go to after the login; the worklist for anything else, also for a file that would be saved."""
    ours = _CAME_FROM.fullmatch(text) and not text.startswith(("//", "/login", "/logout", _API))
    return text if ours else "/"
