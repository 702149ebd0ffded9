"""The report page shows what matters, whole and in its place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations

import numpy as np
import pytest

from core import DISCLAIMER, TRAINED_ON
from core.maps import Maps
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
from dicom_node.report_content import AboutModel, ReportContent
from dicom_node.report_header import Header
from dicom_node.report_marks import Bar, Circle, Hatch, Picture, Text

_QGS = ("perfusion_ed", "perfusion_es", "motion", "thickening")
_PANELS = {View.QPS: ("stress", "rest", "difference"), View.STRESS_QGS: _QGS, View.REST_QGS: _QGS}


def _prediction(label: Label, status: Status = Status.ACCEPTED, *, first: float = 0.86) -> StudyPrediction:
    shares = Probabilities(**{other.value: first if other is label else (1 - first) / 2 for other in LABELS})
    activation = np.zeros((7, 7, 3), np.float32)
    activation[1, 5] = 1
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


def _without_maps(content: ReportContent) -> ReportContent:
    """As of a case that was classified before activation maps were kept."""
    none = np.zeros((0, 0, 3), np.float32)
    views = {view: replace(said, activation=none) for view, said in content.prediction.views.items()}
    return replace(content, prediction=replace(content.prediction, views=views))


def _pictures(content: ReportContent) -> list[Picture]:
    return [mark for mark in report_page.marks(content) if isinstance(mark, Picture)]


def _strings(content: ReportContent) -> list[str]:
    return [mark.string for mark in report_page.marks(content) if isinstance(mark, Text)]


def _overlaps(content: ReportContent) -> list[tuple[str, str]]:
    texts = [(mark.string, mark.area) for mark in report_page.marks(content) if isinstance(mark, Text)]
    return [
        (one, other)
        for (one, a), (other, b) in combinations(texts, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def test_the_page_has_its_size_and_is_the_same_every_time() -> None:
    page = report_page.render(_content())
    assert page.shape == (1200, 1600, 3)
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
        "0123456789abcdef",
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
        alone = report_marks.draw([mark], columns=1600, rows=1200)
        assert alone[top:bottom, left:right].any()
        assert np.array_equal(page[top:bottom, left:right], alone[top:bottom, left:right])


def test_the_disclaimer_can_be_read_at_half_size() -> None:
    mark = next(m for m in report_page.marks(_content()) if isinstance(m, Text) and m.string == DISCLAIMER)
    assert mark.size >= 32


def test_no_type_is_too_small_for_half_size() -> None:
    assert min(mark.size for mark in report_page.marks(_content()) if isinstance(mark, Text)) >= 19


def test_each_label_has_its_own_headline() -> None:
    headlines = [report_page.render(_content(label))[190:290, 40:430] for label in LABELS]
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
    assert "Reason: incomplete. Missing view: Rest QGS." in " ".join(shown)
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


def test_each_view_is_shown_plain_and_under_the_activation_of_the_most_probable_label() -> None:
    pictures = _pictures(_content())
    assert len(pictures) == 3 + 4 + 4 + 3 + 1  # the maps, the crops that they were read in, the colour bar
    over = [one.pixels for one in pictures if len(one.pixels) > 300]
    assert len(over) == 3
    for pixels in over:
        row, column = (place * len(pixels) // 14 for place in (3, 11))  # the middle of the activation's peak
        assert pixels[row, column, 1] > 200
        assert pixels[row, column, 1] > pixels[row, column, 0]
        assert pixels[-1 - row, column, 0] == pixels[-1 - row, column, 1]
    assert _strings(_content()).count("Activation for ischemia") == 3


def test_an_activation_map_of_one_polar_map_lies_over_each() -> None:
    circles = {"stress": (145, 145, 145), "rest": (435, 145, 145), "difference": (145, 435, 145)}
    content = replace(
        _content(),
        about_model=AboutModel(explains_maps=True),
        maps={View.QPS: Maps((), circles)},
        crops={View.QPS: _crop(3)},
    )
    (over,) = (one.pixels for one in _pictures(content) if len(one.pixels) > 300)
    half = len(over) // 2
    first, second, third, fourth = (
        over[row : row + half, column : column + half] for row in (0, half) for column in (0, half)
    )
    assert np.abs(first.astype(int) - second).max() < 40
    assert np.abs(first.astype(int) - third).max() < 40
    assert not fourth[5:, 5:].any()


def test_a_page_without_activation_maps_shows_the_plain_ones_and_says_so() -> None:
    shown = _strings(_without_maps(_content()))
    assert shown.count("no activation map was kept") == 3
    assert not any(string.startswith("Activation") for string in shown)
    assert len(_pictures(_without_maps(_content()))) == 3 + 4 + 4


def test_a_label_that_nothing_speaks_for_in_a_view_is_said() -> None:
    content = _content()
    nothing = np.zeros((7, 7, 3), np.float32)
    views = {v: replace(s, activation=nothing) if v is View.QPS else s for v, s in content.prediction.views.items()}
    shown = _strings(replace(content, prediction=replace(content.prediction, views=views)))
    assert shown.count("No activation for ischemia") == 1
    assert shown.count("Activation for ischemia") == 2


def test_only_round_maps_get_a_ring() -> None:
    content = replace(_content(), maps={view: Maps((), {}) for view in View})
    assert not any(isinstance(mark, Circle) for mark in report_page.marks(content))


def test_the_review_band_is_hatched_up_to_the_model_s_threshold() -> None:
    content = replace(_content(), about_model=AboutModel(review_below=0.6))
    hatches = [mark.area for mark in report_page.marks(content) if isinstance(mark, Hatch)]
    tracks = [mark.area for mark in report_page.marks(content) if isinstance(mark, Bar) and mark.area[2:3] == (428,)]
    assert len(hatches) == 3 + 1  # a bar a label, and what it means
    for left, _, right, _ in hatches[:3]:
        assert (right - left) / 380 == pytest.approx(0.6, abs=0.003)
    assert len(tracks) == 3
    assert "needs review below 60 %" in _strings(content)


@pytest.mark.parametrize("limit", [None, 0.0])
def test_a_model_without_threshold_has_no_band(limit: float | None) -> None:
    content = replace(_content(), about_model=AboutModel(review_below=limit))
    assert not any(isinstance(mark, Hatch) for mark in report_page.marks(content))


def test_what_needs_review_says_that_it_is_below_the_threshold_on_paper_too() -> None:
    content = replace(
        _content(),
        outcome=Outcome.NEEDS_REVIEW,
        prediction=_prediction(Label.ISCHEMIA, Status.NEEDS_REVIEW, first=0.5992),
        about_model=AboutModel(review_below=0.6),
    )
    shown = " ".join(_strings(content))
    assert "Most probable: ischemia, 59.9 %, less than the model's 60 %." in shown


@pytest.mark.parametrize(
    ("probability", "limit", "written"),
    [
        (0.5992, 0.6, "59.9 %"),
        (0.5999, 0.6, "59.9 %"),
        (0.604, 0.6, "60 %"),
        (0.6145, 0.614, "61.4 %"),
        (0.616, 0.617, "61.6 %"),
        (0.9, None, "90 %"),
        (0.999, 0.6, "> 99 %"),
    ],
)
def test_a_probability_is_written_on_its_side_of_the_threshold(
    probability: float, limit: float | None, written: str
) -> None:
    assert report_format.percent_beside(probability, limit) == written


def test_a_threshold_is_written_as_it_was_set() -> None:
    assert [report_format.threshold(share) for share in (0.6, 0.615, 1.0)] == ["60 %", "61.5 %", "100 %"]


def test_a_page_that_is_to_show_no_patient_is_the_same_for_everybody() -> None:
    someone, other = (
        replace(_content(), show_patient=False, header=header(*[who] * 7)) for who in ("ALDER", "19550203")
    )
    assert np.array_equal(report_page.render(someone), report_page.render(other))
    assert not np.array_equal(report_page.render(someone), report_page.render(_content()))
    assert "ALDER" not in " ".join(_strings(someone))
    assert _overlaps(someone) == []


@pytest.mark.parametrize(
    ("card", "about"),
    [
        ({}, AboutModel()),
        ({"training": {"source": "simulated"}, "statement": "Trained on everything."}, AboutModel()),
        (
            {"training": {"source": "clinical"}, "statement": "Trained on clinical images.", "review_below": 0.7},
            AboutModel("Trained on clinical images.", review_below=0.7),
        ),
        ({"kind": "study", "review_below": 1}, AboutModel(review_below=1.0, explains_maps=True)),
    ],
)
def test_a_card_that_names_no_clinical_images_is_of_simulated_ones(card: dict[str, object], about: AboutModel) -> None:
    assert AboutModel.of(card) == about


def test_only_named_or_filled_tiles_are_shown() -> None:
    def pictures(content: ReportContent) -> int:
        return len(_pictures(_without_maps(content)))

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
    about = AboutModel("A statement that is said again. " * 20, review_below=0.6)
    for outcome in (Outcome.ACCEPTED, Outcome.NEEDS_REVIEW, Outcome.NO_RESULT):
        content = replace(_content(), header=who, model=model, about_model=about, notes=notes, outcome=outcome)
        assert _overlaps(content) == []
        for mark in report_page.marks(content):
            left, top, right, bottom = mark.area
            assert 40 <= left <= right <= 1560
            assert 20 <= top <= bottom <= 1190


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
    assert all(np.abs(one - other)[190:290].max() > 100 for one, other in combinations(pages, 2))


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
