"""Why a report's picture cannot be shown: what the process that draws it ends with."""

from enum import IntEnum


class NoPicture(IntEnum):
    """An exit code; 1 and 2 are the interpreter's own."""

    MISSING = 3
    CHANGED = 4
    UNREADABLE = 5

    @property
    def sentence(self) -> str:
        """The reason in words, without identifiers."""
        return _SENTENCES[self]


_SENTENCES = {
    NoPicture.MISSING: "Its file is not in the store of this machine.",
    NoPicture.CHANGED: "Its file is not the one that was sent: its SHA-256 differs.",
    NoPicture.UNREADABLE: "Its file could not be drawn.",
}
