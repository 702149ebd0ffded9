"""The check of the pages: whether they may be served as the settings say, whether they answer, who may log in."""

import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from sqlalchemy.exc import ProgrammingError

from core.finding import Finding, fail, not_run, ok, warn
from core.settings import Settings
from core.settings_web import is_loopback
from db.session import Sessions

_TIMEOUT_S = 5.0
_FIRST = "Run: perfuscope user add NAME --role admin"


def users(settings: Settings, sessions: Sessions) -> Finding:
    """Somebody may log in, an administrator among them; beyond this machine pages are not served before that."""
    from core.roles import Role
    from db import users as all_users

    try:
        with sessions.read() as session:
            able = [user for user in all_users.listed(session) if user.disabled_at is None]
    except ProgrammingError:  # PostgreSQL's word for what a role may not do: the node's knows no users
        return not_run("users", "this database role may not read them; ask with the viewer's database URL")
    if not able and not is_loopback(settings.web_host):
        said = f"nobody may log in, so the pages refuse to be served on {settings.web_host}"
        return fail("users", said, _FIRST)
    if not able:
        return warn("users", "nobody may log in to the pages", _FIRST)
    admins = sum(user.role is Role.ADMIN for user in able)
    said = f"{len(able)} may log in, {admins} of them as administrator"
    return ok("users", said) if admins else warn("users", said, _FIRST)


def served(settings: Settings) -> Iterator[Finding]:
    """The certificate is one, and the pages answer."""
    context = None
    if settings.web.certificate is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                settings.web.certificate, settings.web.key
            )
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror or type(error).__name__
            said = f"web.certificate with web.key cannot be used ({why}), so the pages refuse to be served"
            yield fail("pages", said, "Name a certificate and its key as PEM files that Perfuscope's user may read.")
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # asked is whether it answers, no more
    yield _answer(settings, context)


def _answer(settings: Settings, context: ssl.SSLContext | None) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web_host, settings.web_host)  # noqa: S104
    where = f"{settings.web_host} port {settings.web_port}"
    connection = (
        HTTPSConnection(host, settings.web_port, timeout=_TIMEOUT_S, context=context)
        if context
        else HTTPConnection(host, settings.web_port, timeout=_TIMEOUT_S)
    )
    try:
        connection.request("GET", "/login")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        start = "Start them: perfuscope up, or perfuscope viewer; its log says why if it stops."
        return warn("pages", f"nothing answers on {where} ({type(error).__name__})", start)
    finally:
        connection.close()
    if status >= 500:
        return fail("pages", f"{where} answers with an error ({status})", "See the viewer's log.")
    return ok("pages", f"answer on {where}")
