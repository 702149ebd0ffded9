"""Dates moved by a number of days that is one patient's own, so that intervals stay and days do not."""

import re
from datetime import date, timedelta
from enum import StrEnum

from dicom_node.deidentify.key import Key

_LONGEST_SHIFT_DAYS = 3650
_DATE = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})")
_DATETIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?((?:\d{2}){0,3}(?:\.\d{1,6})?)([+-]\d{4})?")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?|([01]\d|2[0-3])[0-5]\d([0-5]\d|60)\.\d{1,6}")

DUMMIES = {"DA": "19700101", "TM": "000000", "DT": "19700101000000"}
"""Valid, unlike year 1, and long before anything that was captured."""


class Dates(StrEnum):
    """What becomes of dates and times."""

    REMOVED = "removed"
    """Removed, emptied or replaced by a dummy, as the Basic Profile has it."""
    MODIFIED = "modified"
    """Moved by a number of days per patient; times of day stay (PS3.15 E.3.6, Modified Dates)."""


def shift(key: Key, patient: tuple[str, ...]) -> timedelta:
    """How far a patient's dates are moved: 1 to 3,650 days back, the same for everything of the patient's."""
    days = int.from_bytes(key.digest("dates", *patient)[:8], "big") % _LONGEST_SHIFT_DAYS + 1
    return timedelta(days=-days)


def shifted(value: str, vr: str, by: timedelta) -> str | None:
    """A value of VR DA, DT or TM, moved; None where it is no date or leaves the years 1 to 9999."""
    value = value.strip("\0 ")
    if vr == "TM":
        return value if _TIME.fullmatch(value) else None
    found = (_DATE if vr == "DA" else _DATETIME).fullmatch(value)
    if not found:
        return None
    try:
        return _moved_date(found, by) if vr == "DA" else _moved_datetime(found, by)
    except (ValueError, OverflowError):
        return None


def _moved_date(found: re.Match[str], by: timedelta) -> str:
    return _text(date(int(found[1]), int(found[3]), int(found[4])) + by)


def _moved_datetime(found: re.Match[str], by: timedelta) -> str | None:
    """A date without day or month is moved from the first on, and said as roughly as it was."""
    year, month, day, clock, offset = found.groups()
    if clock and not _TIME.fullmatch(clock):
        return None
    if offset and not _offset(offset):
        return None
    moved = _text(date(int(year), int(month or 1), int(day or 1)) + by)
    return moved[: 8 if day else 6 if month else 4] + clock + (offset or "")


def _offset(offset: str) -> bool:
    """Whether it lies from -1200 to +1400 (PS3.5 6.2)."""
    hours, minutes = int(offset[1:3]), int(offset[3:])
    return minutes < 60 and hours * 60 + minutes <= (840 if offset[0] == "+" else 720)


def _text(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
