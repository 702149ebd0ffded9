"""A TOML table read strictly: each key once, by type, and a complaint about those nobody asked for."""

from collections.abc import Mapping

from dicom_node.layouts.box import Box
from dicom_node.layouts.errors import LayoutError


class Table:
    """A table's keys; each is handed out once, and ``done`` names one that was left."""

    def __init__(self, content: Mapping[str, object], where: str) -> None:
        self._left = dict(content)
        self.where = where

    def done(self) -> None:
        """Raise LayoutError if a key was never asked for."""
        if self._left:
            raise LayoutError(f"unknown key {min(self._left)!r} in {self.where}")

    def has(self, key: str) -> bool:
        """Whether the key is there and was not handed out yet."""
        return key in self._left

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise LayoutError(f"{key} in {self.where} must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; none where the key is not there."""
        value = self._take(key) if self.has(key) else []
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry.strip() for entry in value):
            raise LayoutError(f"{key} in {self.where} must be a list of texts")
        return tuple(value)

    def all_texts(self) -> tuple[tuple[str, str], ...]:
        """Every key that is left with its text."""
        return tuple((key, self.text(key)) for key in list(self._left))

    def integer(self, key: str, *, default: int | None = None) -> int:
        """A whole number."""
        value = self._take(key) if default is None or self.has(key) else default
        if not isinstance(value, int) or isinstance(value, bool):
            raise LayoutError(f"{key} in {self.where} must be a whole number")
        return value

    def number(self, key: str) -> float:
        """A number."""
        value = self._take(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise LayoutError(f"{key} in {self.where} must be a number")
        return float(value)

    def integers(self, key: str, count: int) -> list[int]:
        """So many whole numbers."""
        value = self._take(key)
        if not isinstance(value, list) or not _whole_numbers(value, count):
            raise LayoutError(f"{key} in {self.where} must be {count} whole numbers")
        return value

    def rows(self, key: str, count: int) -> list[list[int]]:
        """Lists of so many whole numbers."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(v, list) and _whole_numbers(v, count) for v in value):
            raise LayoutError(f"{key} in {self.where} must be a list of {count} whole numbers each")
        return value

    def box(self, key: str) -> Box:
        """A box as [left, top, right, bottom]."""
        return Box(*self.integers(key, 4))

    def table(self, key: str) -> "Table":
        """A table in this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise LayoutError(f"{key} in {self.where} must be a table")
        return Table(value, key)

    def tables(self, key: str) -> list["Table"]:
        """A list of tables in this one."""
        value = self._take(key)
        if not isinstance(value, list) or any(not isinstance(entry, dict) for entry in value):
            raise LayoutError(f"{key} in {self.where} must be a list of tables")
        return [Table(entry, f"{key}[{number}]") for number, entry in enumerate(value)]

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise LayoutError(f"{key} is missing in {self.where}")
        return self._left.pop(key)


def _whole_numbers(values: list[object], count: int) -> bool:
    return len(values) == count and all(type(value) is int for value in values)
