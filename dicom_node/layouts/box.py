"""A rectangle of a screen."""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle of pixels; ``right`` and ``bottom`` are the first column and row outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index that cuts the box out of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, rows: int, columns: int) -> bool:
        """Whether the box is not empty and lies in an image of this size."""
        return 0 <= self.left < self.right <= columns and 0 <= self.top < self.bottom <= rows

    def grown(self, margin: int) -> "Box":
        """The box, ``margin`` pixels wider on each side."""
        return Box(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)

    def touches(self, box: "Box") -> bool:
        """Whether a pixel lies in both."""
        across = self.left < box.right and box.left < self.right
        return across and self.top < box.bottom and box.top < self.bottom
