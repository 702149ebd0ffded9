"""DICOM values and probabilities as people write them."""

from datetime import date
from math import floor

from dicom_node.report_header import Header


def percent(probability: float) -> str:
    """A probability in whole percent that never claims certainty."""
    if probability > 0.99:
        return "> 99 %"
    return "< 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def threshold(share: float) -> str:
    """A share as it was set, to a hundredth of a percent."""
    return f"{round(100 * share, 2):g} %"


def percent_beside(probability: float, limit: float | None) -> str:
    """A probability on its own side of ``limit`` on paper, too: with a decimal where rounding would move it."""
    whole = percent(probability)
    if limit is None or (round(probability, 2) >= limit) == (probability >= limit):
        return whole
    return f"{floor(1000 * probability) / 10:.1f} %"


def day(value: str) -> str:
    """A DICOM date (PS3.5 6.2, DA) as people write it; anything else as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value


def clock(value: str) -> str:
    """The hours and minutes of a DICOM time (PS3.5 6.2, TM), else nothing."""
    return f"{value[:2]}:{value[2:4]}" if len(value) >= 4 and value[:4].isdigit() else ""


def age(header: Header) -> str:
    """The age in whole years on the day of the study, empty where it cannot be told."""
    try:
        born, studied = (date.fromisoformat(day(it.reveal())) for it in (header.birth_date, header.study_date))
    except ValueError:
        return ""
    years = studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))
    return f"{years} y" if 0 <= years <= 130 else ""
