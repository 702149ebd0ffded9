"""Words on the report page: lines that fit, paragraphs, captions with their values."""

from collections.abc import Iterator

from dicom_node import report_text
from dicom_node.report_marks import Colour, Mark, Text
from dicom_node.report_style import BODY, INK, MEDIUM, QUIET, SMALL


def line(x: float, y: float, string: str, size: int, colour: Colour, *, max_width: float, bold: bool = False) -> Text:
    """A line that fits, or where the font lacks its letters, a pointer to the header."""
    shown = report_text.clean(string)
    if not report_text.drawable(shown, bold=bold):
        shown = "see DICOM header"
    shown, fitted = report_text.fit(shown, size, bold=bold, max_width=max_width)
    return Text(x, y, shown, fitted, colour, bold=bold)


def captioned(x: float, y: float, caption: str, value: str, *, max_width: float) -> Iterator[Mark]:
    """A caption with its value below."""
    yield line(x, y, caption, SMALL, QUIET, max_width=max_width)
    yield line(x, y + 30, value or "not given", MEDIUM, INK if value else QUIET, max_width=max_width)


def paragraph(
    x: float, y: float, text: str, colour: Colour, *, max_width: float, lowest: float, size: int = BODY
) -> Iterator[Text]:
    """Lines from the baseline ``y`` down to ``lowest``; the last one is shortened where the text is longer."""
    step = round(1.34 * size)
    most = int((lowest - y) / step) + 1
    lines = report_text.wrap(text, size, bold=False, max_width=max_width, max_lines=most)
    for index, written in enumerate(lines):
        yield Text(x, y + step * index, written, size, colour)
