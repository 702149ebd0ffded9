"""Words in one spelling: without case, accents and punctuation, and with characters that readers confuse made one."""

import re
import unicodedata
from itertools import pairwise

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_ALIKE = str.maketrans("oqilszbg", "00115286")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def plain(text: str) -> str:
    """ASCII letters and digits in lower case; other scripts leave nothing."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(c for c in decomposed if c.isascii() and c.isalnum())


def spellings(text: str) -> set[str]:
    """A word as readers would give it, with umlauts as one letter or as two."""
    composed = unicodedata.normalize("NFKC", text).casefold()
    return {alike(plain(composed)), alike(plain(composed.translate(_UMLAUTS)))}


def alike(text: str) -> str:
    """O and 0, I, L and 1, S and 5, B and 8, Z and 2, G and 6 made one."""
    return text.translate(_ALIKE)


def distance(a: str, b: str) -> int:
    """Insertions, deletions and changes that make one of the other (Levenshtein)."""
    return _rows(a, b, anywhere=False)


def distance_within(needle: str, text: str) -> int:
    """The distance of ``needle`` from whatever stretch of ``text`` is nearest to it (Sellers)."""
    return _rows(needle, text, anywhere=True)


def _rows(needle: str, text: str, *, anywhere: bool) -> int:
    row = [0] * (len(text) + 1) if anywhere else list(range(len(text) + 1))
    for number, letter in enumerate(needle, start=1):
        following = [number]
        for (before, above), other in zip(pairwise(row), text, strict=True):
            following.append(min(above + 1, following[-1] + 1, before + (letter != other)))
        row = following
    return min(row) if anywhere else row[-1]


def dates_as_printed(date: str) -> set[str]:
    """``YYYYMMDD`` in the notations in use, letters and digits only, confusable characters made one."""
    digits = "".join(c for c in date if c.isdigit())
    if not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])\d\d", digits):
        return set()
    year, month, day = digits[:4], digits[4:6], digits[6:]
    name = alike(_MONTHS[int(month) - 1])
    orders = [(y, m, d) for y in (year, year[2:]) for m in (month, name) for d in (day,)]
    printed = {order for y, m, d in orders for order in (y + m + d, d + m + y, m + d + y)}
    return printed | {d.lstrip("0") + m.lstrip("0") + y for y, m, d in orders}
