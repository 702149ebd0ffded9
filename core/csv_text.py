"""Tables as comma-separated text (RFC 4180), line by line, so that no table has to be in memory as a whole."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum

from core.phi import Phi

_SIGNS = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20"
_RUNS = re.compile(rf"""^(?=[\t\r\n{_SIGNS}])|[;\t\r\n]"*(?=[{_SIGNS}])""")
"""What stands before a formula: the beginning of a text, or in it a sign at which some spreadsheets part cells, as at a
semicolon where numbers have a decimal comma. Wide signs are read as the narrow ones."""


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header's line and one for each row, each with its end.

    Identified values are revealed: who calls this has written down who looks. What a spreadsheet would run as a formula
    gets an apostrophe before it, also within a text.
    """
    writer = csv.writer(_Told(), lineterminator="\n")
    yield _line(writer, header)
    for row in rows:
        yield _line(writer, [_cell(value) for value in row])


class _Told:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """The text itself; ``csv`` returns what its file's ``write`` does."""
        return text


def _line(writer: object, row: Sequence[object]) -> str:
    return str(writer.writerow(row))  # type: ignore[attr-defined] # csv's writer has no public type


def _cell(value: object) -> object:
    if isinstance(value, Phi):
        value = value.reveal()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        value = value.value
    return _RUNS.sub(r"\g<0>'", value) if isinstance(value, str) else value
