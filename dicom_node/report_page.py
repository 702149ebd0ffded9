"""The report page: what a radiologist sees of a result, in the order of what matters."""

from collections.abc import Iterator

from core import DISCLAIMER
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS
from dicom_node import report_format, report_maps, report_marks, report_result, report_text
from dicom_node.report_content import ReportContent
from dicom_node.report_fields import captioned, line
from dicom_node.report_header import Header
from dicom_node.report_marks import Bar, Mark, Text
from dicom_node.report_style import (
    BODY,
    BOTTOM,
    COLUMNS,
    INK,
    LARGE,
    MARGIN,
    PANEL,
    RIGHT,
    ROWS,
    RULE,
    SOFT,
    TITLE,
    TOP,
    VIEW,
    VIEW_STEP,
    view_left,
)

_PRODUCT = "Myocardial perfusion, AI result"


def render(content: ReportContent) -> RgbImage:
    """The page, shape (1200, 1600, 3); the same content always gives the same pixels."""
    return report_marks.draw(marks(content), columns=COLUMNS, rows=ROWS)


def marks(content: ReportContent) -> tuple[Mark, ...]:
    """All marks of the page in drawing order."""
    return (
        *(_patient(content.header) if content.show_patient else _nobody()),
        _rule(TOP),
        *report_result.marks(content, explained=report_maps.explained(content)),
        *(
            mark
            for column, view in enumerate(REQUIRED_VIEWS)
            for mark in report_maps.marks(content, view, left=view_left(column))
        ),
        _rule(BOTTOM),
        Text(MARGIN, BOTTOM + 48, DISCLAIMER, TITLE, INK, bold=True),
        line(MARGIN, BOTTOM + 80, content.about_model.statement, BODY, SOFT, max_width=RIGHT - MARGIN),
        *_provenance(content),
    )


def _rule(y: int) -> Bar:
    return Bar((MARGIN, y, RIGHT, y + 1), RULE)


def _patient(header: Header) -> Iterator[Mark]:
    product = Text(RIGHT, 68, _PRODUCT, BODY, SOFT, align="right")
    yield product
    name = report_text.person_name(header.patient_name.reveal(), bold=True)
    if name is None:
        name = "Name: see DICOM header"
    yield line(MARGIN, 68, name or "No name", LARGE, INK, max_width=product.area[0] - 40 - MARGIN, bold=True)
    y, half = 108, VIEW_STEP / 2
    yield from captioned(MARGIN, y, "Patient ID", header.patient_id.reveal(), max_width=PANEL)
    born = report_format.day(header.birth_date.reveal())
    yield from captioned(view_left(0), y, "Born", born, max_width=half - 16)
    about = ", ".join(filter(None, (header.sex.reveal(), report_format.age(header))))
    yield from captioned(view_left(0) + half, y, "Sex, age", about, max_width=half - 16)
    day, clock = report_format.day(header.study_date.reveal()), report_format.clock(header.study_time.reveal())
    yield from captioned(view_left(1), y, "Study", f"{day} {clock}".strip(), max_width=VIEW)
    yield from captioned(view_left(2), y, "Accession", header.accession_number.reveal(), max_width=VIEW)


def _nobody() -> Iterator[Mark]:
    """In place of the patient, on a page that is to show none."""
    yield Text(MARGIN, 68, _PRODUCT, LARGE, INK, bold=True)
    yield Text(MARGIN, 118, "This page does not show whom it is about: see the DICOM header.", BODY, SOFT)


def _provenance(content: ReportContent) -> Iterator[Mark]:
    model = content.model
    y, half = BOTTOM + 122, VIEW_STEP / 2
    yield from captioned(MARGIN, y, "Model", model.name if model else "", max_width=PANEL)
    yield from captioned(view_left(0), y, "Version", model.version if model else "", max_width=half - 16)
    yield from captioned(view_left(0) + half, y, "Revision", str(content.revision), max_width=half - 16)
    yield from captioned(view_left(1), y, "SHA-256 begins", model.sha256[:16] if model else "", max_width=VIEW)
    made = content.created_at.isoformat(sep=" ", timespec="seconds")
    yield from captioned(view_left(2), y, "Made (with UTC offset)", f"{made[:-6]} {made[-6:]}", max_width=VIEW)
