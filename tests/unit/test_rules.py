"""View rules: what archives call their screens, whose objects a rule is for, and that "not corrected" always wins."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from core.settings import Settings
from core.settings import ViewRule as RuleSetting
from core.types import View
from dicom_node import rules
from dicom_node.rules import DEFAULT_RULES, ViewRule


def named(description: str) -> tuple[int, View | None] | None:
    """Rank and view of the first rule that matches; None if none does."""
    ds = Dataset()
    ds.SeriesDescription = description
    return next(((rank, rule.view) for rank, rule in enumerate(DEFAULT_RULES) if rule.matches(ds)), None)


EXPLICIT = [
    "AC QPS", "QPS_AC", "QPS [AC]", "IRAC QPS", "QPS - IRACRR", "QPS (IRACSC)", "Flash3D AC - QPS", "CTAC QPS",
    "QPS CT AC", "QPS A.C.", "QPS attenuation corrected", "QPS Att. Corr.", "Attenuation-Correction QPS", "QPS AC2",
    "QPS no motion correction AC", "AC no. 2 QPS", "QPS AC not scatter corrected", "QPS attn corr",
]  # fmt: skip
SILENT = ["QPS", "QPS Results", "MPI qps 2 day", "QPS inc.", "QPS Nacht", "QPS synchronous", "QPS FBP", "QPS OSEM ACQ"]
UNCORRECTED = [
    "AC off QPS", "ac_off_qps", "QPS AC-OFF", "QPS AC:Off", "QPS [AC off]", "QPS AC=no", "QPS AC (off)", "QPS AC(-)",
    "QPS w/o AC", "QPS wo AC", "QPS without CT attenuation correction", "QPS NAC", "NAC1 QPS", "QPS N.A.C.", "QPS NC2",
    "QPS nonAC", "QPS NoAC", "[Recon - NoAC] QPS", "QPS non CTAC", "IRNC QPS", "QPS IRNCRR", "QPS IRNAC",
    "QPS non-att. corr.", "QPS not attn corrected", "QPS un-corrected", "QPS ohne AC", "QPS AC none",
    "QPS AC not applied", "QPS AC and NAC", "QPS AC / non AC",
]  # fmt: skip


@pytest.mark.parametrize("description", EXPLICIT)
def test_what_says_that_it_is_corrected_goes_first(description: str) -> None:
    assert named(description) == (3, View.QPS)


@pytest.mark.parametrize("description", SILENT)
def test_what_says_nothing_counts_as_corrected_but_goes_second(description: str) -> None:
    assert named(description) == (6, View.QPS)


@pytest.mark.parametrize("description", UNCORRECTED)
def test_what_says_that_it_is_not_corrected_is_listed(description: str) -> None:
    assert named(description) == (0, None)


@pytest.mark.parametrize(
    ("description", "view", "rank"),
    [("QGS Results Stress [AC]", View.STRESS_QGS, 1), ("IRAC Rest QGS", View.REST_QGS, 2),
     ("Gated Stress QGS", View.STRESS_QGS, 4), ("rest_qgs", View.REST_QGS, 5)],
)  # fmt: skip
def test_gated_screens_have_ranks_of_their_own(description: str, view: View, rank: int) -> None:
    assert named(description) == (rank, view)


NEGATED = st.sampled_from(
    [
        "NAC",
        "NC",
        "non AC",
        "non-AC",
        "NoAC",
        "no AC",
        "w/o AC",
        "AC off",
        "AC_OFF",
        "IRNC",
        "uncorrected",
        "not corrected",
        "without attenuation correction",
    ]
)
ANY_WORD = st.sampled_from(
    ["AC", "CTAC", "IRAC", "attenuation corrected", "QPS", "Stress", "Rest", "QGS", "gated", "1"]
)


@pytest.mark.filterwarnings("ignore:The value length:UserWarning")
@given(
    negated=NEGATED,
    before=st.lists(ANY_WORD, max_size=5),
    after=st.lists(ANY_WORD, max_size=5),
    gap=st.sampled_from([" ", "_", " - ", "/", ", ", " ["]),
    upper=st.booleans(),
)
def test_a_description_with_both_words_is_never_taken_as_corrected(
    negated: str, before: list[str], after: list[str], gap: str, upper: bool
) -> None:
    description = gap.join([*before, negated, *after])
    assert named(description.upper() if upper else description.lower()) == (0, None)


@pytest.mark.filterwarnings("ignore:The value length:UserWarning")
@given(words=st.lists(ANY_WORD, max_size=8), gap=st.sampled_from([" ", "_", "-", ", "]))
def test_without_a_negation_nothing_is_called_uncorrected(words: list[str], gap: str) -> None:
    found = named(gap.join(words))
    assert found is None or found[1] is not None


def test_the_rules_are_tried_from_the_most_certain_on() -> None:
    ranks = [named(description) for description in ("QPS NAC", "QPS AC", "QPS")]
    assert all(a is not None and b is not None and a[0] < b[0] for a, b in pairwise(ranks))


def test_a_rule_for_some_senders_is_for_nobody_else() -> None:
    ds = Dataset()
    ds.SeriesDescription = "Perfusion page"
    rule = ViewRule(View.QPS, {"SeriesDescription": "page"}, frozenset({"CAM_1"}))
    assert rule.matches(ds, sender_ae="CAM_1")
    assert rule.matches(ds, sender_ae=" CAM_1 ")
    assert not any(rule.matches(ds, sender_ae=other) for other in ("", "CAM_2", "cam_1"))


def test_the_settings_own_rules_replace_the_default_ones() -> None:
    assert rules.in_force(Settings()) is DEFAULT_RULES
    own = RuleSetting(view="none", keywords={"StationName": "^X"}, senders=("CAM_1",))
    assert rules.in_force(Settings(view_rules=(own,))) == (ViewRule(None, {"StationName": "^X"}, frozenset({"CAM_1"})),)
