"""The left side of the report page: what is said of the study, how probable it is, what an activation map means."""

from collections.abc import Iterator

from core.types import LABELS, Label, Outcome, Probabilities
from dicom_node import report_format, report_text
from dicom_node.report_content import ReportContent
from dicom_node.report_fields import line, paragraph
from dicom_node.report_marks import Bar, Colour, Hatch, Mark, Picture, Text
from dicom_node.report_style import (
    ACCENTS,
    BODY,
    BOTTOM,
    CAUTION,
    HATCH,
    HUGE,
    INK,
    MARGIN,
    MEDIUM,
    PANEL,
    QUIET,
    SMALL,
    SOFT,
    TOP,
    TRACK,
)
from models import overlay

_HIGHEST, _LOWEST = 400, 480
"""Between these baselines the last sentence above the bars stands."""
_LEGEND = 838
_STEP, _THICK = 62, 18


def marks(content: ReportContent, *, explained: Label | None) -> Iterator[Mark]:
    """Headline and reason; with a result its probabilities, and the colours of the maps that explain ``explained``."""
    headline, colour, sentences = _verdict(content)
    yield Text(MARGIN, TOP + 40, "Study result", SMALL, QUIET)
    y = TOP + 102
    for words in _headline(headline):
        yield line(MARGIN - 3, y, words, HUGE, colour, max_width=PANEL + 3, bold=True)
        y += HUGE + 6
    lowest = _LOWEST if content.has_result else BOTTOM - 20
    said = tuple(paragraph(MARGIN, y - 24, sentences, SOFT, max_width=PANEL, lowest=lowest))
    yield from said
    if content.prediction is not None and content.has_result:
        y = max(_HIGHEST, round(said[-1].y)) + 62
        yield from _bars(content.prediction.probabilities, content.about_model.review_below, y)
    if explained is not None:
        yield from _legend(explained)


def _headline(words: str) -> tuple[str, ...]:
    """In one line, or where that would be small in two."""
    _, size = report_text.fit(words, HUGE, bold=True, max_width=PANEL)
    fits = report_text.width(words, size, bold=True) <= PANEL
    return (words,) if fits else report_text.wrap(words, HUGE, bold=True, max_width=PANEL, max_lines=2)


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
    notes = f"{notes} Beside each view: what it says alone." if content.prediction.views else notes
    label, limit = content.prediction.label, content.about_model.review_below
    probability = content.prediction.probabilities[label]
    share = report_format.percent_beside(probability, limit)
    if content.outcome is Outcome.NEEDS_REVIEW:
        why = f", less than the model's {report_format.threshold(limit)}" if limit and probability < limit else ""
        return (
            "Needs review",
            CAUTION,
            f"To be read by a physician. Most probable: {label.value}, {share}{why}. {notes}",
        )
    return label.value.capitalize(), ACCENTS[label], f"The most probable of three classes, {share}. {notes}"


def _bars(shown: Probabilities, limit: float | None, top: int) -> Iterator[Mark]:
    """A bar a label; on all of them the band in which a study needs review."""
    yield Text(MARGIN, top, "Calibrated probability", SMALL, QUIET)
    for index, label in enumerate(LABELS):
        first, y = label is shown.label, top + 40 + _STEP * index
        ink, number = INK if first else SOFT, report_format.percent_beside(shown[label], limit if first else None)
        yield Text(MARGIN, y, label.value.capitalize(), MEDIUM, ink, bold=first)
        yield Text(MARGIN + PANEL, y, number, MEDIUM, ink, bold=first, align="right")
        yield from _bar(shown[label], y + 10, ACCENTS[label] if first else QUIET, limit)
    if limit:
        yield from _band(limit, top + 40 + _STEP * 3)


def _bar(share: float, top: int, colour: Colour, limit: float | None) -> Iterator[Mark]:
    yield Bar((MARGIN, top, MARGIN + PANEL, top + _THICK), TRACK)
    if limit:
        yield Hatch((MARGIN, top, _at(limit), top + _THICK), HATCH)
    yield Bar((MARGIN, top, _at(share), top + _THICK), colour)
    if limit:
        yield Bar((_at(limit) - 3, top - 5, _at(limit) + 3, top + _THICK + 5), (0, 0, 0))
        yield Bar((_at(limit) - 1, top - 5, _at(limit) + 1, top + _THICK + 5), INK)


def _band(limit: float, y: int) -> Iterator[Mark]:
    """What the hatching and the line across the bars mean."""
    yield Bar((MARGIN, y - 15, MARGIN + 40, y + 1), TRACK)
    yield Hatch((MARGIN, y - 15, MARGIN + 40, y + 1), HATCH)
    yield Bar((MARGIN + 40, y - 20, MARGIN + 42, y + 6), INK)
    said = f"needs review below {report_format.threshold(limit)}"
    yield line(MARGIN + 56, y, said, SMALL, SOFT, max_width=PANEL - 56)


def _at(share: float) -> int:
    return MARGIN + round(PANEL * share)


def _legend(label: Label) -> Iterator[Mark]:
    """The colours of an activation map, and what it tells."""
    yield line(MARGIN, _LEGEND, "Activation (Grad-CAM)", BODY, INK, max_width=PANEL, bold=True)
    yield Picture(MARGIN, _LEGEND + 14, overlay.scale(PANEL, 22, overlay.OPACITY))
    y = _LEGEND + 60
    yield Text(MARGIN, y, "none", SMALL, SOFT)
    yield Text(MARGIN + PANEL / 2, y, "half, outlined", SMALL, SOFT, align="middle")
    yield Text(MARGIN + PANEL, y, "peak", SMALL, SOFT, align="right")
    told = (
        f"What speaks most for {label.value}, each view by its own peak. It shows where the model looked, not disease."
    )
    yield from paragraph(MARGIN, y + 34, told, SOFT, max_width=PANEL, lowest=BOTTOM - 20, size=SMALL)
