"""How codes, names and numbers are written for people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from core.pictures import NoPicture
from core.types import AuditAction, Confidence, InstanceState, Label, Outcome, Reason, Stage
from db import pages
from db.pages import Show
from db.reviews import Standing
from db.worklist import Sort
from viewer import happened, names, words
from viewer.counting import Counts

AT = datetime(2026, 1, 2, 8, 0, 0, 123457, tzinfo=UTC)


@dataclass
class Case:
    outcome: Outcome | None = None
    label: Label | None = None
    reason: Reason | None = None
    detail: str = ""


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("TESTPATIENT^JOAN^Q^DR^JR", ["TESTPATIENT, DR JOAN Q, JR"]),
        ("Kakuu^Kanja=架空^患者=かくう^かんじゃ", ["Kakuu, Kanja", "架空 患者", "かくう かんじゃ"]),
        ("=假想^患者", ["假想 患者"]),
        ("שבח^תגרבה", ["שבח, תגרבה"]),
        ("ONLYFAMILY", ["ONLYFAMILY"]),
        ("^ONLYGIVEN", ["ONLYGIVEN"]),
        ("A^B^C^D^E^F", ["A, D B C, E^F"]),
        ("TEST\u202e\n  PATIENT^", ["TEST PATIENT"]),
        ("^^^^=^=", []),
        ("", []),
    ],
)
def test_a_name_is_written_group_by_group(name, groups):
    assert names.groups(name) == groups


def test_dates_that_are_none_are_shown_as_they_are():
    assert [names.day(value) for value in ("20260102", "2026", "1926.1.2", "")] == [
        "2026-01-02",
        "2026",
        "1926.1.2",
        "",
    ]


def test_a_probability_never_claims_certainty():
    assert [names.percent(p) for p in (0.0, 0.009, 0.01, 0.505, 0.99, 0.9901, 1.0)] == [
        "< 1 %",
        "< 1 %",
        "1 %",
        "50 %",
        "99 %",
        "> 99 %",
        "> 99 %",
    ]


def test_every_code_has_words():
    assert set(words.CHOICES) == set(Show)
    assert set(words.INSTANCES) == {state.value for state in InstanceState}
    assert set(words.STATES) == {s.value for s in Stage if s is not Stage.DONE} | {o.value for o in Outcome}
    assert {action.value for action in AuditAction} <= set(happened.EVENTS)
    assert set(words.STANDINGS) == {standing.value for standing in Standing}
    assert set(words.CONFIDENCES) == set(Confidence)
    assert set(words.SORTS) == set(Sort)
    assert all(why.sentence for why in NoPicture)


def test_a_label_is_a_result_only_where_it_was_accepted():
    label = Label.NORMAL
    for said in (words.result, words.tone):
        assert said("accepted", Outcome.ACCEPTED, label).lower() == "normal"
        assert said("reporting", Outcome.ACCEPTED, label).lower() != "normal"
    assert words.result("needs_review", Outcome.NEEDS_REVIEW, label) == "Needs review"
    assert words.result("reporting", None, None) == "Reporting"
    assert words.result("receiving", None, None) == "Receiving"
    assert words.result("a new state", None, None) == "a new state"


def test_the_sentence_below_a_result_says_what_it_rests_on():
    said = SimpleNamespace(label=Label.ISCHEMIA, p_ischemia=0.48)
    assert words.verdict("needs_review", Case(Outcome.NEEDS_REVIEW), said, 0.6) == (
        "To be read by a physician. Most probable: ischemia, 48\N{NO-BREAK SPACE}%. The model asks for at least "
        "60\N{NO-BREAK SPACE}%."
    )
    quarantined = Case(Outcome.QUARANTINED, reason=Reason.PATIENTS_DIFFER)
    assert words.verdict("quarantined", quarantined, None, None).startswith("Kept aside and not classified. Its inst")
    assert words.verdict("receiving", None, None, None)


def test_events_that_repeat_each_other_are_one_line():
    def event(action, second):
        at = AT.replace(second=second)
        return SimpleNamespace(action=action, actor="node", detail="", at=at)

    told = happened.happenings([event(AuditAction.RECEIVE, n) for n in range(4)] + [event(AuditAction.RESULT, 9)])
    assert [(one.what, one.times) for one in told] == [("Result", 1), ("Received", 4)]
    assert (told[1].first.second, told[1].last.second) == (0, 3)


def test_a_count_that_was_cut_off_says_so():
    assert [words.many(n) for n in (0, 999, 1000, 9999, pages.MOST)] == ["0", "999", "1 000", "9 999", "10 000+"]


@pytest.mark.parametrize(
    ("action", "text", "told"),
    [
        (AuditAction.RECEIVE, "objects=4 duplicates=0", "4 objects"),
        (AuditAction.RECEIVE, "objects=0 duplicates=1", "1 that was here already"),
        (AuditAction.RESULT, "revision=2 accepted ischemia", "revision 2, ischemia"),
        (AuditAction.RESULT, "revision=1 no_result incomplete", "revision 1, no result, incomplete"),
        (AuditAction.REVIEW, "revision=1 infarction moderate", "revision 1, infarction, fairly sure"),
        (AuditAction.SEND, "sc pacs sent", "page to pacs: sent"),
        (AuditAction.VIEW, "study", ""),
        (AuditAction.VIEW, "something new", "something new"),
        (AuditAction.SEND, "in words of tomorrow", "in words of tomorrow"),
        (AuditAction.PURGE, "files=3", "files=3"),
    ],
)
def test_an_event_is_told_as_people_say_it_and_what_is_not_known_as_it_is_written_down(action, text, told):
    assert happened.detail(SimpleNamespace(action=action, detail=text)) == told


def test_who_did_it_is_told_without_the_kind():
    told = [happened.who(actor) for actor in ("user:ada", "ae:TESTPACS", "token:ada/metabase", "perfuscope", "cli:x")]
    assert told == ["ada", "TESTPACS", "metabase, for ada", "Perfuscope", "Cli:x"]


def test_slow_counting_is_not_done_for_every_question(monkeypatch):
    now, took, counted = [0.0], [0.0], []

    def count(_session):
        now[0] += took[0]
        counted.append(now[0])
        return {}

    monkeypatch.setattr(pages, "counts", count)
    counts = Counts(clock=lambda: now[0])
    for _ in range(3):
        counts.read(None)
    assert len(counted) == 3
    took[0] = 1.0
    for _ in range(30):
        counts.read(None)
        now[0] += 1
    assert len(counted) == 3 + 2
