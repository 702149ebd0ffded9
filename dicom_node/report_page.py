"""The report page: what a radiologist sees of a result, in the order of what matters."""

from collections.abc import Iterator

import numpy as np

from core import DISCLAIMER, TRAINED_ON
from core.types import LABELS, REQUIRED_VIEWS, Label, Outcome, Probabilities, RgbImage, View
from dicom_node import report_format, report_marks, report_text
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header
from dicom_node.report_marks import Bar, Circle, Colour, Mark, Picture, Text

COLUMNS, ROWS = 1280, 1024
MARGIN, GUTTER, COLUMN = 48, 40, 368
RIGHT = COLUMNS - MARGIN
TILE, TILE_GAP = 176, 16

HUGE, LARGE, MEDIUM, BODY, SMALL = 60, 30, 22, 18, 15

INK: Colour = (238, 238, 238)
SOFT: Colour = (168, 172, 176)
QUIET: Colour = (118, 124, 130)
TRACK: Colour = (40, 44, 48)
RULE: Colour = (58, 63, 68)
# Okabe and Ito's palette, told apart by the colour-blind; a word always stands beside the colour.
ACCENTS: dict[Label, Colour] = {
    Label.NORMAL: (86, 180, 233),
    Label.ISCHEMIA: (230, 159, 0),
    Label.INFARCTION: (228, 108, 34),
}
CAUTION: Colour = (240, 228, 66)

_CAPTIONS = {
    "stress": "Stress",
    "rest": "Rest",
    "difference": "Difference",
    "perfusion_ed": "Perfusion ED",
    "perfusion_es": "Perfusion ES",
    "motion": "Motion",
    "thickening": "Thickening",
}


def render(content: ReportContent) -> RgbImage:
    """The page, shape (1024, 1280, 3); the same content always gives the same pixels."""
    return report_marks.draw(marks(content), columns=COLUMNS, rows=ROWS)


def marks(content: ReportContent) -> tuple[Mark, ...]:
    """All marks of the page in drawing order."""
    return (
        *_patient(content.header),
        _rule(144),
        *_result(content),
        _rule(316),
        *(mark for index, view in enumerate(REQUIRED_VIEWS) for mark in _view(content, view, column=index)),
        _rule(874),
        *_disclaimer(),
        *_provenance(content),
    )


def _rule(y: int) -> Bar:
    return Bar((MARGIN, y, RIGHT, y + 1), RULE)


def _line(x: float, y: float, string: str, size: int, colour: Colour, *, max_width: float, bold: bool = False) -> Text:
    """A line that fits, or where the font lacks its letters, a pointer to the header."""
    shown = report_text.clean(string)
    if not report_text.drawable(shown, bold=bold):
        shown = "see DICOM header"
    shown, fitted = report_text.fit(shown, size, bold=bold, max_width=max_width)
    return Text(x, y, shown, fitted, colour, bold=bold)


def _field(column: int, y: int, caption: str, value: str, *, span: int = 1) -> Iterator[Mark]:
    """A caption with its value below; ``column`` counts half columns from 0 to 5."""
    x = MARGIN + column * (COLUMN + GUTTER) / 2
    max_width = span * (COLUMN + GUTTER) / 2 - GUTTER / 2
    yield Text(x, y, caption, SMALL, QUIET)
    yield _line(x, y + 25, value or "not given", BODY, INK if value else QUIET, max_width=min(max_width, RIGHT - x))


def _patient(header: Header) -> Iterator[Mark]:
    product = Text(RIGHT, 62, "Myocardial perfusion, AI result", BODY, SOFT, align="right")
    yield product
    name = report_text.person_name(header.patient_name.reveal(), bold=True)
    if name is None:
        name = "Name: see DICOM header"
    yield _line(MARGIN, 62, name or "No name", LARGE, INK, max_width=product.area[0] - GUTTER - MARGIN, bold=True)
    yield from _field(0, 99, "Patient ID", header.patient_id.reveal(), span=2)
    yield from _field(2, 99, "Born", report_format.day(header.birth_date.reveal()))
    sex, age = header.sex.reveal(), report_format.age(header)
    yield from _field(3, 99, "Sex, age at study", ", ".join(filter(None, (sex, age))))
    day, clock = report_format.day(header.study_date.reveal()), report_format.clock(header.study_time.reveal())
    yield from _field(4, 99, "Study", f"{day} {clock}".strip())
    yield from _field(5, 99, "Accession", header.accession_number.reveal())


def _result(content: ReportContent) -> Iterator[Mark]:
    headline, colour, sentences = _verdict(content)
    max_width = 1.5 * (COLUMN + GUTTER) - GUTTER if content.has_result else RIGHT - MARGIN
    yield Text(MARGIN, 176, "Study result", SMALL, QUIET)
    yield Text(MARGIN - 3, 240, headline, HUGE, colour, bold=True)
    lines = report_text.wrap(sentences, BODY, bold=False, max_width=max_width, max_lines=2)
    for index, line in enumerate(lines):
        yield Text(MARGIN, 273 + 24 * index, line, BODY, SOFT)
    if content.prediction is not None and content.has_result:
        x = MARGIN + 1.5 * (COLUMN + GUTTER)
        yield Text(x, 176, "Probability", SMALL, QUIET)
        shown = content.prediction.probabilities
        yield from _bars(shown, x, y=214, right=RIGHT, size=MEDIUM, step=36, thickness=16)


def _verdict(content: ReportContent) -> tuple[str, Colour, str]:
    """The headline, its colour and the sentences below it."""
    notes = " ".join(content.notes)
    if content.prediction is None or not content.has_result:
        reason = content.reason.sentence if content.reason else "not available"
        if content.withdraws:
            taken_back = f"The result of revision {content.replaces} no longer holds, and there is no new one."
            return "Result withdrawn", CAUTION, f"{taken_back} Reason: {reason}. {notes}"
        return "No result", INK, f"Reason: {reason}. {notes}"
    if content.replaces is not None:
        notes = f"This page replaces that of revision {content.replaces}. {notes}"
    label = content.prediction.label
    share = report_format.percent(content.prediction.probabilities[label])
    if content.outcome is Outcome.NEEDS_REVIEW:
        sentence = f"To be read by a physician. Most probable: {label.value}, {share}."
        return "Needs review", CAUTION, f"{sentence} {notes}"
    return label.value.capitalize(), ACCENTS[label], f"The most probable of three classes, {share}. {notes}"


def _bars(
    shown: Probabilities, x: float, *, y: float, right: float, size: int, step: int, thickness: int
) -> Iterator[Mark]:
    """A row a label: its name, its bar, its number; the most probable one stands out."""
    left = x + report_text.width("Infarction", size, bold=True) + 16
    end = right - report_text.width("> 99 %", size, bold=True) - 16
    for index, label in enumerate(LABELS):
        first = label is shown.label
        baseline = y + step * index
        top = round(baseline - 0.36 * size - thickness / 2)
        ink = INK if first else SOFT
        yield Text(x, baseline, label.value.capitalize(), size, ink, bold=first)
        yield Bar((left, top, end, top + thickness), TRACK)
        filled = left + round((end - left) * shown[label])
        yield Bar((left, top, filled, top + thickness), ACCENTS[label] if first else QUIET)
        yield Text(right, baseline, report_format.percent(shown[label]), size, ink, bold=first, align="right")


def _view(content: ReportContent, view: View, *, column: int) -> Iterator[Mark]:
    x = MARGIN + column * (COLUMN + GUTTER)
    yield Text(x, 350, view.caption, MEDIUM, INK, bold=True)
    crop = content.crops.get(view)
    if crop is None:
        yield Bar((x, 366, x + COLUMN, 772), RULE, outline=True)
        yield Text(x + COLUMN / 2, 575, "not available", BODY, SOFT, align="middle")
    else:
        yield from _maps(crop, content.panels.get(view, ()), x)
    prediction = content.prediction.views.get(view) if content.prediction and content.has_result else None
    if prediction is not None:
        yield from _bars(prediction.probabilities, x, y=806, right=x + COLUMN, size=SMALL, step=24, thickness=8)


def _maps(crop: RgbImage, names: tuple[str, ...], x: int) -> Iterator[Mark]:
    """The tiles of a crop with their captions, in reading order; what is nameless and black is left out."""
    side = crop.shape[0] // 2
    for index in range(4):
        row, column = divmod(index, 2)
        tile = crop[row * side : (row + 1) * side, column * side : (column + 1) * side]
        if index >= len(names) and not np.any(tile):
            continue
        left, top = x + column * (TILE + TILE_GAP), 366 + row * (TILE + 36)
        yield Picture(left, top, TILE, tile)
        yield Circle((left, top, left + TILE, top + TILE), RULE)
        if index < len(names):
            caption = _CAPTIONS.get(names[index], names[index].replace("_", " ").capitalize())
            yield Text(left + TILE / 2, top + TILE + 20, caption, SMALL, SOFT, align="middle")


def _disclaimer() -> Iterator[Mark]:
    yield Text(MARGIN, 909, DISCLAIMER, 24, INK, bold=True)
    yield Text(MARGIN, 935, TRAINED_ON, BODY, SOFT)


def _provenance(content: ReportContent) -> Iterator[Mark]:
    model = content.model
    y = 968
    yield from _field(0, y, "Model", model.name if model else "")
    yield from _field(1, y, "Version", model.version if model else "")
    yield from _field(2, y, "SHA-256 begins", model.sha256[:12] if model else "")
    yield from _field(3, y, "Revision", str(content.revision))
    made = content.created_at.isoformat(sep=" ", timespec="seconds")
    yield from _field(4, y, "Made (with UTC offset)", f"{made[:-6]} {made[-6:]}", span=2)
