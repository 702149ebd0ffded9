"""Tokens that say: this page was opened and written down, what follows only keeps it up to date."""

import hashlib
import hmac
import time
from collections.abc import Callable
from uuid import UUID

_LIFE_S = 12 * 3600


class Seen:
    """Makes and checks tokens of one login each: who hands an address on to a colleague hands on no opening.

    The key is the login's own in the database: random, shown on no page, gone with the login. So a token is good in
    every process that serves the pages, and after it was started again, and nothing needs to be kept.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def token(self, place: str, login: UUID) -> str:
        """A token for one address of ours, good for 12 hours."""
        return _signed(place, int(self._clock()), login)

    def also(self, token: str, place: str, login: UUID) -> str:
        """A token for another address, as old as this valid one: what a page shows was opened with it."""
        return _signed(place, int(token.partition(".")[0]), login)

    def holds(self, place: str, token: str, login: UUID) -> bool:
        """Whether the token was made for that address and that login, not too long ago."""
        issued = token.partition(".")[0]
        if not (issued.isascii() and issued.isdecimal() and len(issued) < 20):
            return False
        fresh = 0 <= self._clock() - int(issued) < _LIFE_S
        return fresh and hmac.compare_digest(token.encode(), _signed(place, int(issued), login).encode())


def _signed(place: str, issued: int, login: UUID) -> str:
    digest = hmac.new(login.bytes, f"seen {issued} {place}".encode(errors="replace"), hashlib.sha256).hexdigest()
    return f"{issued}.{digest[:32]}"
