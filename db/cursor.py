"""Where a page of a list ends, as a text that names nobody."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page; the next page begins after it."""

    at: datetime
    """The time that the list is sorted by."""
    key: UUID
    """Of what the row is about: a study, an event."""

    def __str__(self) -> str:
        return f"{self.at.timestamp():.6f}_{self.key.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that was printed so; ValueError for anything else."""
        stamp, _, key = text.partition("_")
        try:
            return cls(datetime.fromtimestamp(float(stamp), UTC), UUID(hex=key))
        except (ValueError, OverflowError, OSError):
            raise ValueError("it is not where a page of this list ended") from None  # whatever it holds instead
