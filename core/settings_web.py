"""Settings of the pages beyond their address: by which names, under whose certificate, for how long."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def _host_name(name: str) -> str:
    """A host's name (RFC 1123 2.1) or address, in small letters."""
    name = name.casefold()
    if not all(_LABEL.fullmatch(label) for label in name.split(".")) or len(name) > 253:
        _address(name)
    return name


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("it should be a host's name or address, without scheme and port") from None


def _proxy(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError('it should be the address of a proxy, such as "127.0.0.1"') from None


class WebSettings(BaseModel):
    """How the pages are reached from other machines, and how long a login is good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[Annotated[str, AfterValidator(_host_name)], ...] = ()
    """Host names by which browsers elsewhere ask for the pages; this machine's own loopback names always hold."""
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[Annotated[str, AfterValidator(_proxy)], ...] = ()
    """Addresses of proxies that end TLS in front of the pages; only their ``X-Forwarded-`` headers are believed."""
    idle_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 30
    session_hours: Annotated[int, Field(ge=1, le=7 * 24)] = 12

    @field_validator("certificate", "key")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @model_validator(mode="after")
    def _both(self) -> "WebSettings":
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("web.certificate and web.key should be given together")
        return self

    @property
    def has_tls(self) -> bool:
        """Whether what leaves this machine is encrypted, by the pages themselves or by a proxy."""
        return self.certificate is not None or bool(self.proxies)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by a name that nobody else can own."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def exposure_mistake(host: str, web: WebSettings) -> str | None:
    """Why the pages may not listen there, as a sentence; None where they may."""
    if is_loopback(host):
        return None
    try:
        ip_address(host)
    except ValueError:
        return (
            f"web_host = {host!r} is not allowed: it should be an address, such as 127.0.0.1 or 0.0.0.0, or localhost"
        )
    if not web.has_tls:
        return (
            f"web_host = {host!r} is not allowed: beyond this machine the pages need TLS, so web.certificate and "
            "web.key or web.proxies should be given, or web_host should be 127.0.0.1, ::1 or localhost"
        )
    if not web.names:
        return f"web_host = {host!r} is not allowed: web.names should say by which host names the pages are asked for"
    return None
