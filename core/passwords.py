"""Passwords: what is weak, and how they are kept. Hashed by Argon2id (RFC 9106), never kept as they are."""

import secrets
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 128
_LEAST_DIFFERENT = 5
_PLAIN = frozenset(
    (
        *("password", "passwort", "passw", "motdepasse", "kennwort", "welcome", "willkommen", "letmein", "changeme"),
        *("perfuscope", "radiology", "radiologie", "cardiology", "kardiologie", "nuclear", "hospital", "krankenhaus"),
        *("qwertyuiop", "qwertzuiop", "administrator", "admin", "dicom", "pacs"),
    )
)
"""What a password is not made of when its digits and signs are taken away."""
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Nothing that is read as something else."""


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    """RFC 9106's second recommendation, for where memory counts: 64 MiB, three passes, four lanes."""
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


def weakness(password: str, *, name: str) -> str | None:
    """What is wrong with a new password, as a sentence; None where it will do (NIST SP 800-63B 5.1.1.2)."""
    text = _normal(password)
    letters = "".join(c for c in text.casefold() if c.isalpha())
    if not SHORTEST <= len(text) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters; three or four words in a row are easy to keep"
    if not all(c.isprintable() for c in text):
        return "a password has no control characters"
    if len(set(text.casefold())) < _LEAST_DIFFERENT or letters in _PLAIN:
        return "this password is one of the first that anybody would try"
    if name.casefold() in text.casefold():
        return "a password does not contain the user's name"
    return None


def hashed(password: str) -> str:
    """The password as it is kept, with its own salt."""
    return _hasher().hash(_normal(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether it is the password that was kept; None stands for nobody's, and takes as long."""
    try:
        return (
            _hasher().verify(_decoy() if kept is None else kept, _normal(password)[: LONGEST + 1]) and kept is not None
        )
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether it was hashed more cheaply than is done today."""
    return _hasher().check_needs_rehash(kept)


def made_up() -> str:
    """A new password that can be read aloud: four groups of five, 99 bits."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(5)) for _ in range(4))


def _normal(password: str) -> str:
    """One spelling whatever the keyboard composed (SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _decoy() -> str:
    return _hasher().hash(secrets.token_hex())
