"""Text on the report fits, can be drawn, and shows the right component group of a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_node import report_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("PHANTOM^ALDER", "PHANTOM, ALDER"),
        ("PHANTOM^ALDER^B^DR^PHD", "PHANTOM, ALDER B, DR, PHD"),
        ("PHANTOM", "PHANTOM"),
        ("PRÜFFALL^Jörg", "PRÜFFALL, Jörg"),
        ("ΦΑΝΤΑΣΜΑ^ΣΚΛΗΘΡΑ", "ΦΑΝΤΑΣΜΑ, ΣΚΛΗΘΡΑ"),
        ("ФАНТОМ^ЁЛКА", "ФАНТОМ, ЁЛКА"),
        ("Kakuu^Kanja=架空^患者=かくう^かんじゃ", "Kakuu, Kanja"),
        ("架空^患者=Kakuu^Kanja=かくう^かんじゃ", "Kakuu, Kanja"),
        ("=架空^患者=Kakuu^Kanja", "Kakuu, Kanja"),
        ("Gasang^Hwanja=假想^患者=가상^환자", "Gasang, Hwanja"),
        ("架空^患者", None),
        ("가상^환자", None),
        ("", ""),
        ("^^^^=^=", ""),
    ],
)
def test_a_name_shows_its_first_group_that_can_be_drawn(name: str, shown: str | None) -> None:
    assert report_text.person_name(name) == shown


@pytest.mark.parametrize("name", ["شبح^تجربة", "דמה^ניסיון"])
def test_right_to_left_names_are_drawn_only_where_they_can_be_put_in_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_text._drawable.cache_clear()
    monkeypatch.setattr(report_text.features, "check", lambda feature: feature == "raqm")
    assert report_text.person_name(name) == name.replace("^", ", ")
    report_text._drawable.cache_clear()
    monkeypatch.setattr(report_text.features, "check", lambda _: False)
    assert report_text.person_name(name) is None
    report_text._drawable.cache_clear()


def test_direction_marks_and_control_characters_cannot_reorder_a_name() -> None:
    assert report_text.clean("AL\u202eDER\x07\n B") == "ALDER B"


def test_a_letter_and_its_mark_become_one_letter() -> None:
    assert report_text.clean("Jo\u0308rg") == "Jörg"


def test_text_first_shrinks_and_is_then_cut_with_an_ellipsis() -> None:
    wide = report_text.width("PHANTOM PATIENT", 30)
    assert report_text.fit("PHANTOM PATIENT", 30, bold=False, max_width=wide) == ("PHANTOM PATIENT", 30)
    shrunk, size = report_text.fit("PHANTOM PATIENT", 30, bold=False, max_width=0.85 * wide)
    assert shrunk == "PHANTOM PATIENT"
    assert size < 30
    cut, _ = report_text.fit("PHANTOM PATIENT", 30, bold=False, max_width=0.5 * wide)
    assert cut.startswith("PHA")
    assert cut.endswith("…")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.integers(60, 600))
def test_no_text_is_wider_than_its_place(text: str, max_width: int) -> None:
    shown, size = report_text.fit(report_text.clean(text), 30, bold=True, max_width=max_width)
    assert report_text.width(shown, size, bold=True) <= max_width


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["incomplete.", "views", "of", "the", "study", "x" * 60]), max_size=40))
def test_wrapped_text_keeps_its_lines_and_width(words: list[str]) -> None:
    lines = report_text.wrap(" ".join(words), 18, bold=False, max_width=300, max_lines=2)
    assert len(lines) <= 2
    assert all(report_text.width(line, 18) <= 300 for line in lines)
