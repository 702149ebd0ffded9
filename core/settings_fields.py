"""The kinds of value that settings have, and in words what their patterns allow."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

_AE_TITLE = r"^[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]*[\x21-\x5b\x5d-\x7e])?$"
_PEER_NAME = r"^[A-Za-z0-9._-]+$"
_DATABASE_URL = r"^(sqlite|postgresql)(\+\w+)?://"
_BROKER_URL = r"^(filesystem|redis|rediss|sentinel|amqp|amqps|memory)://"

WORDS = {
    _AE_TITLE: "it should be 1 to 16 printable ASCII characters without a backslash, no blank at either end",
    _PEER_NAME: "it should be letters, digits, '.', '_' and '-'",
    _DATABASE_URL: "it should begin with sqlite:/// or postgresql+psycopg://",
    _BROKER_URL: "it should begin with redis://, rediss://, sentinel://, amqp://, amqps:// or filesystem://",
}
"""By pattern."""

AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=_AE_TITLE)]
"""PS3.5 6.2, VR AE."""
PeerName = Annotated[str, Field(min_length=1, max_length=64, pattern=_PEER_NAME)]
DatabaseUrl = Annotated[str, Field(pattern=_DATABASE_URL)]
BrokerUrl = Annotated[str, Field(pattern=_BROKER_URL)]
AePattern = Annotated[str, Field(min_length=1, max_length=64)]
"""An AE title, or a pattern of some: ``*`` stands for anything, ``?`` for one character, ``[AB]`` for one of these."""
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
Days = Annotated[int, Field(ge=1, le=36500)]


def _known_zone(name: str) -> str:
    if name == "local":
        return name
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('it should be "local" or a zone such as "Europe/Berlin"') from None
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
