"""Serves the application on one port of this machine."""

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from core.errors import PerfuscopeError
from core.settings import Settings
from core.settings_web import WebSettings, is_loopback
from db import users
from db.session import Sessions
from viewer.patience import Patience

_GRACE_S = 3
_MOST_CONNECTIONS = 400
"""Each open worklist holds one for its stream."""


def listen(settings: Settings) -> socket.socket:
    """A bound socket; PerfuscopeError where the port is taken."""
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.web_host, settings.web_port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        msg = f"cannot serve pages on {settings.web_host} port {settings.web_port} ({error.strerror}); try --web-port"
        raise PerfuscopeError(msg) from None
    return bound


def address(settings: Settings) -> str:
    """Where a browser finds the pages: by the first name that the settings give them, or on this machine."""
    scheme = "https" if settings.web.certificate else "http"
    if not is_loopback(settings.web_host):
        port = "" if settings.web.proxies else f":{settings.web_port}"
        return f"https://{settings.web.names[0]}{port}/"
    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    return f"{scheme}://{host}:{settings.web_port}/"


def refuse_nobody(settings: Settings, sessions: Sessions) -> None:
    """Raise PerfuscopeError where other machines would find pages that nobody may log in to."""
    if is_loopback(settings.web_host):
        return
    if not somebody_may_log_in(sessions):
        msg = (
            f"web_host = {settings.web_host!r} shows the pages to other machines, and nobody may log in yet; "
            "first: perfuscope user add NAME --role admin"
        )
        raise PerfuscopeError(msg)


def somebody_may_log_in(sessions: Sessions) -> bool:
    """Whether there is a user who is not disabled."""
    with sessions.read() as session:
        return users.anybody(session)


class _Server(uvicorn.Server):
    """Tells the application that it is about to stop, so that answers without an end are ended."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn does, and tell."""
        self._leave()
        super().handle_exit(sig, frame)


def serve(app: ASGIApp, bound: socket.socket, web: WebSettings) -> None:
    """Answer until SIGTERM or SIGINT. PerfuscopeError for a certificate that is none."""
    prepare(app, web).run(sockets=[bound])


def prepare(app: ASGIApp, web: WebSettings) -> uvicorn.Server:
    """A server that is ready to run, over TLS where there is a certificate.

    No access log: it would say who was looked at, and when. Raises PerfuscopeError for a certificate that is none.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        http=Patience,
        ws="none",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=web.certificate,
        ssl_keyfile=web.key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or type(error).__name__
        msg = (
            f"web.certificate = {str(web.certificate)!r} with web.key cannot be used ({why}); both should be PEM files"
        )
        raise PerfuscopeError(msg) from None
    return _Server(config, getattr(app, "leave", _stay))


def _stay() -> None:
    """For an application whose answers all end by themselves."""
