"""The report page shows what matters, whole and in its place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations

import numpy as np
import pytest

from core import DISCLAIMER, TRAINED_ON
from core.phi import Phi
from core.types import (
    LABELS,
    REQUIRED_VIEWS,
    Label,
    ModelIdentity,
    Outcome,
    Probabilities,
    Reason,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from dicom_node import report_format, report_marks, report_page
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header
from dicom_node.report_marks import Picture, Text

_QGS = ("perfusion_ed", "perfusion_es", "motion", "thickening")
_PANELS = {View.QPS: ("stress", "rest", "difference"), View.STRESS_QGS: _QGS, View.REST_QGS: _QGS}


def _prediction(label: Label, status: Status = Status.ACCEPTED) -> StudyPrediction:
    shares = Probabilities(**{other.value: 0.86 if other is label else 0.07 for other in LABELS})
    activation = np.zeros((7, 7, 3), np.float32)
    views = {view: ViewPrediction(view, shares, (0.0, 0.0, 0.0), activation) for view in REQUIRED_VIEWS}
    return StudyPrediction(shares, status, views, 20.0)


def _crop(tiles: int) -> np.ndarray:
    crop = np.zeros((580, 580, 3), np.uint8)
    rows, columns = np.mgrid[:580, :580]
    disc = np.hypot(rows % 290 - 144.5, columns % 290 - 144.5) <= 145
    crop[disc & (rows // 290 * 2 + columns // 290 < tiles)] = (200, 120, 40)
    return crop


def header(*words: str) -> Header:
    return Header(*map(Phi, words))


def _content(label: Label = Label.ISCHEMIA) -> ReportContent:
    return ReportContent(
        header=header("PHANTOM^ALDER", "SIM-000007", "19550203", "F", "20260114", "093012", "ACC7"),
        revision=2,
        outcome=Outcome.ACCEPTED,
        created_at=datetime(2026, 1, 15, 8, 1, 22, tzinfo=timezone(timedelta(hours=1))),
        prediction=_prediction(label),
        model=ModelIdentity("mobilenet-sim-1", "1.0.0", "0123456789abcdef" * 4),
        crops={View.QPS: _crop(3), View.STRESS_QGS: _crop(4), View.REST_QGS: _crop(4)},
        panels=_PANELS,
    )


def _strings(content: ReportContent) -> list[str]:
    return [mark.string for mark in report_page.marks(content) if isinstance(mark, Text)]


def _overlaps(content: ReportContent) -> list[tuple[str, str]]:
    texts = [mark for mark in report_page.marks(content) if isinstance(mark, Text)]
    return [
        (one.string, other.string)
        for one, other in combinations(texts, 2)
        if one.area[0] < other.area[2]
        and other.area[0] < one.area[2]
        and one.area[1] < other.area[3]
        and other.area[1] < one.area[3]
    ]


def test_the_page_has_its_size_and_is_the_same_every_time() -> None:
    page = report_page.render(_content())
    assert page.shape == (1024, 1280, 3)
    assert page.dtype == np.uint8
    assert np.array_equal(page, report_page.render(_content()))


def test_the_page_says_who_what_and_by_which_model() -> None:
    shown = _strings(_content())
    for expected in (
        "PHANTOM, ALDER",
        "SIM-000007",
        "1955-02-03",
        "F, 70 y",
        "2026-01-14 09:30",
        "ACC7",
        "Ischemia",
        "86 %",
        "mobilenet-sim-1",
        "1.0.0",
        "0123456789ab",
        "2",
        "2026-01-15 08:01:22 +01:00",
        "Stress",
        "Difference",
        "Perfusion ED",
        "Thickening",
        *(view.caption for view in REQUIRED_VIEWS),
    ):
        assert expected in shown


@pytest.mark.parametrize(
    "content",
    [_content(), replace(_content(), outcome=Outcome.NO_RESULT, reason=Reason.INCOMPLETE, prediction=None)],
)
def test_the_disclaimers_are_on_every_page_as_pixels(content: ReportContent) -> None:
    page = report_page.render(content)
    for sentence in (DISCLAIMER, TRAINED_ON):
        mark = next(m for m in report_page.marks(content) if isinstance(m, Text) and m.string == sentence)
        left, top, right, bottom = (round(edge) for edge in mark.area)
        alone = report_marks.draw([mark], columns=1280, rows=1024)
        assert alone[top:bottom, left:right].any()
        assert np.array_equal(page[top:bottom, left:right], alone[top:bottom, left:right])


def test_the_disclaimer_can_be_read_at_half_size() -> None:
    mark = next(m for m in report_page.marks(_content()) if isinstance(m, Text) and m.string == DISCLAIMER)
    assert mark.size >= 24


def test_each_label_has_its_own_headline() -> None:
    headlines = [report_page.render(_content(label))[180:250, 40:620] for label in LABELS]
    assert all(not np.array_equal(one, other) for one, other in combinations(headlines, 2))


def test_a_study_that_needs_review_shows_no_label_as_headline() -> None:
    content = replace(_content(), outcome=Outcome.NEEDS_REVIEW, prediction=_prediction(Label.ISCHEMIA))
    largest = max((m for m in report_page.marks(content) if isinstance(m, Text)), key=lambda m: m.size)
    assert largest.string == "Needs review"


def test_no_result_gives_its_reason_and_no_probability() -> None:
    content = replace(
        _content(),
        outcome=Outcome.NO_RESULT,
        reason=Reason.INCOMPLETE,
        notes=("Missing view: Rest QGS.",),
        crops={View.QPS: _crop(3)},
    )
    shown = _strings(content)
    assert "No result" in shown
    assert "Reason: incomplete. Missing view: Rest QGS." in shown
    assert shown.count("not available") == 2
    assert not any("%" in string or string.lower() in set(LABELS) for string in shown)


def test_a_withdrawn_result_says_so_and_which() -> None:
    content = replace(
        _content(), revision=2, replaces=1, outcome=Outcome.QUARANTINED, reason=Reason.PATIENTS_DIFFER, prediction=None
    )
    shown = " ".join(_strings(content))
    assert "Result withdrawn" in shown
    assert "The result of revision 1 no longer holds" in shown
    assert "its instances name different patients" in shown


def test_a_new_result_names_the_revision_it_replaces() -> None:
    assert "replaces that of revision 1" in " ".join(_strings(replace(_content(), revision=3, replaces=1)))


def test_only_named_or_filled_tiles_are_shown() -> None:
    def pictures(content: ReportContent) -> int:
        return sum(isinstance(mark, Picture) for mark in report_page.marks(content))

    black = {View.QPS: np.zeros((580, 580, 3), np.uint8)}
    assert pictures(_content()) == 3 + 4 + 4
    assert pictures(replace(_content(), panels={})) == 3 + 4 + 4
    assert pictures(replace(_content(), crops=black)) == 3  # a map may be black, and is still a map
    assert pictures(replace(_content(), crops=black, panels={})) == 0


@pytest.mark.parametrize("letter", ["W", "i", "É", "Ж", "ש"])
def test_the_longest_values_overlap_nothing_and_stay_on_the_page(letter: str) -> None:
    who = header(letter * 64, letter * 64, "letters", letter * 16, letter * 16, "", letter * 16)
    model = ModelIdentity("m" * 64, "v" * 64, "0" * 64)
    notes = ("A sentence that is said again. " * 20,)
    for outcome in (Outcome.ACCEPTED, Outcome.NEEDS_REVIEW, Outcome.NO_RESULT):
        content = replace(_content(), header=who, model=model, notes=notes, outcome=outcome)
        assert _overlaps(content) == []
        for mark in report_page.marks(content):
            left, top, right, bottom = mark.area
            assert 40 <= left <= right <= 1240
            assert 20 <= top <= bottom <= 1004


def test_nothing_overlaps_on_an_ordinary_page() -> None:
    assert _overlaps(_content()) == []


def test_a_name_without_drawable_group_points_to_the_header() -> None:
    content = replace(_content(), header=header("架空^患者", "架空"))
    assert "Name: see DICOM header" in _strings(content)
    assert "see DICOM header" in _strings(content)


def test_probabilities_never_claim_certainty() -> None:
    assert [report_format.percent(p) for p in (0.0, 0.004, 0.01, 0.5, 0.99, 0.996, 1.0)] == [
        "< 1 %",
        "< 1 %",
        "1 %",
        "50 %",
        "99 %",
        "> 99 %",
        "> 99 %",
    ]


def test_labels_differ_in_greyscale_too() -> None:
    pages = [report_page.render(_content(label)).astype(float) @ [0.299, 0.587, 0.114] for label in LABELS]
    assert all(np.abs(one - other)[180:250].max() > 100 for one, other in combinations(pages, 2))


def test_contradicting_contents_are_refused() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        replace(_content(), created_at=datetime(2026, 1, 15))  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="needs a prediction"):
        replace(_content(), prediction=None)
    with pytest.raises(ValueError, match="needs a prediction"):
        replace(_content(), prediction=_prediction(Label.NORMAL, Status.REFUSED))
    with pytest.raises(ValueError, match="qps"):
        replace(_content(), crops={View.QPS: np.zeros((580, 290, 3), np.uint8)})
    with pytest.raises(ValueError, match="from 1"):
        replace(_content(), revision=0)


def test_no_identifier_is_in_a_content_s_repr() -> None:
    assert "ALDER" not in repr(_content())
    assert "ALDER" not in repr(_content().header)
    assert repr(datetime(2026, 1, 15, tzinfo=UTC).year) not in repr(_content().header)
