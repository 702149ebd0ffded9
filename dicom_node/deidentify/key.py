"""The secret that pseudonyms, UIDs and date shifts are derived from: made once, readable by its owner alone."""

import errno
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, SupportsIndex

from core.errors import PerfuscopeError

KEY_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyRefused(PerfuscopeError):  # noqa: N818 - named for what happened, as Rejected is
    """The key's file or folder cannot be used; the text says which, why, and what is allowed."""


class Key:
    """A secret of 32 bytes that gives digests and never itself: not by str, repr, format, pickle or copy."""

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise KeyRefused(f"the key has {len(secret)} bytes; it must have {KEY_BYTES}")
        self.__secret = bytes(secret)

    def digest(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA256 (RFC 2104) of the parts; another purpose gives an unrelated digest.

        Each part goes in with its length, so that moving a letter from one to the next changes the digest.
        """
        message = b"".join(_framed(part) for part in (purpose, *parts))
        return hmac.digest(self.__secret, message, hashlib.sha256)

    def __repr__(self) -> str:
        return "Key(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a key is neither pickled nor copied")


def _framed(part: str) -> bytes:
    encoded = part.encode(errors="surrogatepass")
    return len(encoded).to_bytes(8, "big") + encoded


def open_key(path: Path) -> Key:
    """The key in ``path``, made there (mode 0600, folder 0700) if there is none; of two makers one wins for both.

    Raises KeyRefused if file or folder is somebody else's, open to others, a link, or of the wrong length.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(path.parent)
        if not os.path.lexists(path):
            _make(path)
        return Key(_read(path))
    except OSError as error:
        raise KeyRefused(f"{path}: the key cannot be used: {os.strerror(error.errno or errno.EIO)}") from None


def _check_folder(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyRefused(f"{folder}: the key's folder has mode {mode:04o}; it must be its user's own with mode 0700")


def _make(path: Path) -> None:
    """Write a whole key beside its place, then give it the name: whoever comes second finds the first one's."""
    with _draft(path) as (draft, file):
        os.write(file, secrets.token_bytes(KEY_BYTES))
        os.fsync(file)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _draft(path: Path) -> Iterator[tuple[Path, int]]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield draft, file
    finally:
        os.close(file)
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyRefused(f"{path}: the key has mode {mode:04o}; it must be its user's own file with mode 0600")
        if status.st_size != KEY_BYTES:
            raise KeyRefused(f"{path}: the key has {status.st_size} bytes; it must have {KEY_BYTES}")
        return os.read(file, KEY_BYTES)
    finally:
        os.close(file)
