"""Tokens that say: this page was opened and written down, what follows only keeps it up to date."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

_LIFE_S = 12 * 3600


class Seen:
    """Makes and checks tokens with a key of this process; a restart makes every page one to be written down again."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def token(self, place: str) -> str:
        """A token for one address of ours, good for 12 hours."""
        return self._signed(place, int(self._clock()))

    def also(self, token: str, place: str) -> str:
        """A token for another address, as old as this valid one: what a page shows was opened with it."""
        return self._signed(place, int(token.partition(".")[0]))

    def holds(self, place: str, token: str) -> bool:
        """Whether the token was made for that address, not too long ago."""
        issued = token.partition(".")[0]
        if not (issued.isascii() and issued.isdecimal() and len(issued) < 20):
            return False
        fresh = 0 <= self._clock() - int(issued) < _LIFE_S
        return fresh and hmac.compare_digest(token.encode(), self._signed(place, int(issued)).encode())

    def _signed(self, place: str, issued: int) -> str:
        digest = hmac.new(self._key, f"{issued} {place}".encode(), hashlib.sha256).hexdigest()
        return f"{issued}.{digest[:32]}"
