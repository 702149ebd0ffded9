"""From where somebody asks, by which name and over what: only what the settings name gets an answer."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

from core.settings_web import WebSettings, is_loopback

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from that is answered."""

    address: str
    """Of the machine that asks, a proxy's client rather than the proxy."""
    secure: bool
    """Whether it came over TLS."""
    own: str
    """Scheme and host as the browser sees them; what its Origin header must say."""


def judge(scope: Scope, web: WebSettings) -> Origin | str:
    """The origin of a request, or in one sentence why there is no answer."""
    headers = Headers(scope=scope)
    client = _plain((scope.get("client") or ("", 0))[0])
    name = _name(headers.get("host", ""))
    if any(header in headers for header in _FORWARDED):
        return _through_a_proxy(headers, client, name, web)
    secure = scope.get("scheme") == "https"
    origin = Origin(client, secure, f"{'https' if secure else 'http'}://{headers.get('host', '')}")
    if name is not None and is_loopback(name):
        return origin if is_loopback(client) else "From another machine these pages are not asked for by that name."
    if name is None or name not in web.names:
        return _elsewhere(web)
    return origin if secure else "These pages are shown over https only."


def _through_a_proxy(headers: Headers, client: str, name: str | None, web: WebSettings) -> Origin | str:
    """A proxy may rename whoever asks, so it must be one that the settings name."""
    if client not in web.proxies:
        return "A proxy that web.proxies does not name stands in front of these pages."
    if _all_of(headers, "x-forwarded-proto").rpartition(",")[2].strip() != "https":
        return "The proxy in front of these pages should set X-Forwarded-Proto to https."
    if name is None or name not in web.names:
        return _elsewhere(web)
    return Origin(_nearest(headers, client, web), secure=True, own=f"https://{headers['host']}")


def _nearest(headers: Headers, client: str, web: WebSettings) -> str:
    """The last machine in X-Forwarded-For that is no proxy of ours: its sender may have written what stands before."""
    for text in reversed(_all_of(headers, "x-forwarded-for").split(",")):
        address = _plain(text.strip())
        if not address:
            return client
        if address not in web.proxies:
            return address
    return client


def _all_of(headers: Headers, name: str) -> str:
    """A header's lines as one (RFC 9110 5.3): what a proxy adds may be a line of its own after the client's."""
    return ",".join(headers.getlist(name))


def _elsewhere(web: WebSettings) -> str:
    return f"These pages are at {', '.join(web.names)} only." if web.names else "These pages are at 127.0.0.1 only."


def _plain(address: str) -> str:
    """An address in its one spelling; an IPv4 address that came by an IPv6 socket as itself; else nothing."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(found.ipv4_mapped or found) if isinstance(found, IPv6Address) else str(found)


def _name(host: str) -> str | None:
    """The name in a Host header (RFC 9110 7.2) without its port; None for what is none."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdecimal()):
        return None
    return name.casefold().removeprefix("[").removesuffix("]") or None
