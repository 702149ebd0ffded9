"""What a layout asks of the header: which program drew the screen, in the program's own words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dicom_node.layouts.errors import LayoutError

Header = Mapping[str, str]
"""Attributes as text, by keyword; one that is not there counts as empty."""

KEYWORDS = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "SeriesDescription")
"""What may be asked: the equipment (PS3.3 C.7.5.1) and the series, nothing of the patient."""

_LONGEST_TEXT = 255
"""Characters of a value that are looked at: a pattern's time may grow with the square of its text."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Regular expressions by keyword; every one must be found in its value, upper and lower case alike."""

    patterns: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for keyword, pattern in self.patterns:
            if keyword not in KEYWORDS:
                raise LayoutError(f"match.{keyword} is none of {', '.join(KEYWORDS)}")
            try:
                re.compile(pattern)
            except re.error as error:
                raise LayoutError(f"match.{keyword} is not a regular expression: {error.msg}") from None

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def keywords(self) -> tuple[str, ...]:
        """What is asked."""
        return tuple(keyword for keyword, _ in self.patterns)

    def unmet(self, header: Header | None) -> tuple[str, ...]:
        """The keywords whose value does not fit; none for an image that has no header (None)."""
        if header is None:
            return ()
        return tuple(keyword for keyword, pattern in self.patterns if not _found(pattern, header.get(keyword, "")))


def _found(pattern: str, value: str) -> bool:
    return re.search(pattern, value[:_LONGEST_TEXT], re.IGNORECASE) is not None
