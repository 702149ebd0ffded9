"""Searches by patient or accession number: what was typed stays here, addresses hold a random key in its place."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from core.phi import Phi

_KEPT, _OF_EACH = 1000, 50
"""Of all together, and of one user, who could else push out everybody's."""
_LIFE_S = 8 * 3600


@dataclass(frozen=True, slots=True)
class _Search:
    text: Phi = field(repr=False)
    whose: str
    until: float


class Searches:
    """The last searches, in memory alone; each is its searcher's own, for eight hours."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Search] = OrderedDict()

    def keep(self, text: Phi, *, whose: str) -> str:
        """Keep what was searched for; the key to it."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            own = [kept for kept, search in self._kept.items() if search.whose == whose]
            for old in own[: max(0, len(own) + 1 - _OF_EACH)]:
                del self._kept[old]
            self._kept[key] = _Search(text, whose, self._clock() + _LIFE_S)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return key

    def text(self, key: str, *, whose: str) -> Phi | None:
        """What was searched for; None where the key is unknown, too old, or somebody else's."""
        with self._lock:
            found = self._kept.get(key)
        return found.text if found and found.whose == whose and self._clock() < found.until else None
