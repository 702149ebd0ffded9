"""The one list of studies: every filter, in every order, page by page, says what the rows say; nothing is scanned."""

import random
from datetime import timedelta
from itertools import product

import pytest
from reader import classified, reported
from sqlalchemy import event, text
from ward import JANE, JOHN, named

from core.phi import Phi
from core.types import Label, Reason, State, Status, View
from db import jobs, pages, quarantine, worklist, worklist_keys
from db.tables import Job
from db.worklist import Cursor, Filter, Sort

WHO = [
    JANE,
    JOHN,
    named("x-9", "Müller^Zoë", "", "B7", ""),
    named("X-10", "Kakuu^Kanja=架空^患者=かくう^かんじゃ", "", "b71", ""),
]


def listed(ward, wanted: Filter, *, limit: int = 50) -> list[worklist.Row]:
    with ward.sessions.read() as session:
        return list(worklist.page(session, wanted, limit).rows)


def uids(ward, limit: int = 50, **wanted) -> list[str]:
    return [row.study_instance_uid.reveal() for row in listed(ward, Filter.of(**wanted), limit=limit)]


@pytest.fixture
def full(ward, clock):
    """Studies in every state, from two senders; two arrive at the very same time."""
    for number, (said, status) in enumerate(
        [((0.9, 0.05, 0.05), "accepted"), ((0.1, 0.8, 0.1), "accepted"), ((0.4, 0.5, 0.1), "needs_review")] * 2
    ):
        classified(ward, f"1.2.{number}", who=WHO[number % 4], said=said, status=Status(status))
        clock.turn(60 * (number != 1))
    ward.screen(View.QPS, study="1.2.6", who=JOHN)
    clock.turn(30)
    ward.tick()
    for view in View:
        ward.screen(view, study="1.2.7", who=WHO[2])
    ward.quarantined(ward.arrive("1.7.1", study="1.2.8", sender_ae="OTHER"), Reason.UNKNOWN_LAYOUT)
    ward.arrive("1.8.1", study="1.2.9", who=WHO[3], sender_ae="OTHER")
    return ward


def test_without_conditions_every_study_is_listed_newest_first(full):
    found = listed(full, Filter())
    assert sorted(row.study_instance_uid.reveal() for row in found) == [f"1.2.{n}" for n in range(10)]
    places = [(row.received_at, row.study_id.hex) for row in found]
    assert places == sorted(places, reverse=True)
    assert [r.study_id for r in listed(full, Filter(sort=Sort.OLDEST))] == [r.study_id for r in found][::-1]


def test_a_row_says_all_there_is(full):
    (row,) = [row for row in listed(full, Filter()) if row.study_instance_uid == Phi("1.2.1")]
    assert (row.state, row.label, row.status, row.revision) == (State.ACCEPTED, Label.ISCHEMIA, Status.ACCEPTED, 1)
    assert row.probabilities.as_dict() == pytest.approx({"normal": 0.1, "ischemia": 0.8, "infarction": 0.1})
    assert (row.patient_name, row.accession_number, row.sender_ae) == (JOHN.patient_name, Phi("A2"), "TESTPACS")
    assert (row.model.name, row.model.version, row.completed_at) == ("toy", "1", row.opened_at)
    assert "TESTPATIENT" not in repr(row)
    (ended,) = [row for row in listed(full, Filter()) if row.state is State.NO_RESULT]
    assert ended.why == "incomplete (missing: Stress QGS, Rest QGS)"
    (waits,) = [row for row in listed(full, Filter()) if row.study_instance_uid == Phi("1.2.8")]
    assert (waits.state, waits.in_quarantine, waits.why) == (State.RECEIVING, 1, None)


def passes(row: worklist.Row, wanted: Filter) -> bool:
    """The filter in plain words, over a row."""
    at = row.completed_at if wanted.sort is Sort.COMPLETED else row.received_at
    return (
        at is not None
        and (not wanted.states or row.state in wanted.states)
        and (not wanted.labels or row.label in wanted.labels)
        and (wanted.sender is None or row.sender_ae == wanted.sender)
        and (wanted.needs_review is None or (row.state is State.NEEDS_REVIEW) == wanted.needs_review)
        and (wanted.since is None or at >= wanted.since)
        and (wanted.until is None or at < wanted.until)
        and (wanted.text is None or row.study_instance_uid.reveal() in {"1.2.1", "1.2.5", "1.2.6"})
    )


def any_filter(rng: random.Random, began) -> Filter:
    def time():
        return rng.choice([None, None, began + timedelta(seconds=rng.choice([0, 60, 61, 180, 300]))])

    return Filter.of(
        states=rng.sample(list(State), rng.choice([0, 0, 1, 2, 5])),
        labels=rng.sample(list(Label), rng.choice([0, 0, 1, 2])),
        since=time(),
        until=time(),
        sender=rng.choice([None, None, "TESTPACS", "OTHER", "NOBODY"]),
        needs_review=rng.choice([None, None, None, True, False]),
        text=rng.choice([None, Phi("testpatient, JOHN")]),
        sort=rng.choice(list(Sort)),
    )


WAYS = [(9, 9, 9), (0, 9, 9), (0, 0, 9), (0, 0, 3)]
"""A search sorts its candidates, walks along them, walks along the list, and gives that up for the candidates."""


def test_any_filter_pages_through_exactly_the_studies_that_meet_it(full, clock, monkeypatch):
    monkeypatch.setattr(worklist_keys, "_STRIDE", 2)
    rng, everything = random.Random(5), listed(full, Filter())
    began = min(row.received_at for row in everything)
    for number in range(40):
        for name, value in zip(("FEW", "MANY", "FAR"), WAYS[number % len(WAYS)], strict=True):
            monkeypatch.setattr(worklist_keys, name, value)
        wanted, found = any_filter(rng, began), []
        with full.sessions.read() as session:
            page = worklist.page(session, wanted, 2)
            found += page.rows
            while page.next_cursor:
                after = Cursor.parse(str(page.next_cursor))
                page = worklist.page(session, Filter(**(as_words(wanted) | {"cursor": after})), 2)
                found += page.rows
            assert worklist.count(session, wanted) == len(found)
        column = "completed_at" if wanted.sort is Sort.COMPLETED else "received_at"
        places = [(getattr(row, column), row.study_id.hex) for row in found]
        assert places == sorted(places, reverse=wanted.sort is not Sort.OLDEST)
        assert {row.study_id for row in found} == {row.study_id for row in everything if passes(row, wanted)}, wanted
        assert len({row.study_id for row in found}) == len(found)
        assert [row.study_id for row in worklist.every(full.sessions, wanted)] == [row.study_id for row in found]


def as_words(wanted: Filter) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in Filter.__slots__}


SEARCHES = {
    "TESTPATIENT^J": {"1.2.0", "1.2.1", "1.2.4", "1.2.5", "1.2.6", "1.2.8"},
    "testpatient, john": {"1.2.1", "1.2.5", "1.2.6"},
    "muller zoe": {"1.2.2", "1.2.7"},
    "MÜLL*": {"1.2.2", "1.2.7"},
    "架空": {"1.2.3", "1.2.9"},
    "かくう": {"1.2.3", "1.2.9"},
    "t-002": {"1.2.1", "1.2.5", "1.2.6"},
    "b7": {"1.2.2", "1.2.7", "1.2.3", "1.2.9"},
    "john": set(),
    "%": set(),
    "_": set(),
    "' OR 1=1 --": set(),
}


def test_a_search_finds_beginnings_of_names_ids_and_accession_numbers_in_any_script(full):
    assert {words: set(uids(full, text=Phi(words))) for words in SEARCHES} == SEARCHES
    assert set(uids(full, accession_number=Phi("B7"))) == {"1.2.2", "1.2.7"}
    assert set(uids(full, patient_id=Phi("X-1"))) == set()
    assert set(uids(full, patient_id=Phi("x-10"), accession_number=Phi("b71"))) == {"1.2.3", "1.2.9"}
    assert uids(full, patient_id=Phi("")) == []


def test_who_a_study_is_found_by_follows_its_identity(ward):
    ward.arrive("1.1.1", who=JANE)
    ward.arrive("1.1.2", who=named("T-001", "TESTBRIDE^JANE", "19500101", "A1", "20260102"))
    assert uids(ward, text=Phi("testbride")) == ["1.2.3"]
    assert uids(ward, text=Phi("testpatient")) == []


def test_what_was_not_delivered_is_found_with_every_other_condition(full, clock):
    for study in ("1.2.1", "1.2.2"):
        (row,) = [row for row in listed(full, Filter()) if row.study_instance_uid == Phi(study)]
        report_id = reported(full, row.study_id, None)
        with full.sessions.write() as session:
            job = session.query(Job).filter_by(subject=report_id).one()
            claimed = jobs.claim(session, job.id, now=clock.now, lease=timedelta(seconds=30))
            jobs.bury(session, claimed, now=clock.now, error="peer_away")
    assert sorted(uids(full, undelivered=True)) == ["1.2.1", "1.2.2"]
    assert uids(full, undelivered=True, states=[State.ACCEPTED]) == ["1.2.1"]
    assert uids(full, undelivered=True, text=Phi("testpatient")) == ["1.2.1"]
    assert listed(full, Filter(undelivered=True))[0].deliveries == ("failed",)


@pytest.mark.parametrize("garbage", ["", "x", "1", "1_", "nan_00", "1e400_" + "0" * 32, "9" * 400, "1_" + "g" * 32])
def test_what_is_no_cursor_is_refused_as_such(garbage):
    with pytest.raises(ValueError, match=r"^it is not where a page of this list ended$"):
        Cursor.parse(garbage)


PATHS = [
    Filter.of(states=states, labels=labels, sender=sender, sort=sort, needs_review=review)
    for states, labels, sender, sort, review in product(
        [[], [State.NO_RESULT], [State.RECEIVING], [State.PREPARING, State.ACCEPTED]],
        [[], [Label.NORMAL]],
        [None, "TESTPACS"],
        Sort,
        [None, True],
    )
] + [
    Filter(text=Phi("test")),
    Filter(text=Phi("test"), sort=Sort.COMPLETED, undelivered=True),
    Filter.of(text=Phi("test"), states=[State.NO_RESULT, State.PREPARING]),
    Filter(patient_id=Phi("t-1")),
    Filter.of(accession_number=Phi("t-1"), sender="TESTPACS", labels=[Label.NORMAL]),
    Filter(undelivered=True),
]


@pytest.mark.parametrize("way", WAYS[:3], ids=str)
def test_no_way_through_a_list_scans_a_table(sessions_by_clock, monkeypatch, way):
    """On PostgreSQL a small table is scanned for good reason; told not to, it must find a way by an index."""
    bind = sessions_by_clock.engine
    postgresql, statements = bind.dialect.name == "postgresql", []
    asked = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if statement.lstrip().upper().startswith(("SELECT", "WITH")) and "v_" not in statement:
            statements.append((statement, parameters))

    for name, value in zip(("FEW", "MANY", "FAR"), way, strict=True):
        monkeypatch.setattr(worklist_keys, name, value - 1)  # where nothing is stored, too
    event.listen(bind, "before_cursor_execute", note)
    with sessions_by_clock.read() as session:
        for wanted in PATHS if way == WAYS[0] else [wanted for wanted in PATHS if wanted.searches]:
            worklist.page(session, wanted)
            worklist.page(session, Filter(**(as_words(wanted) | {"cursor": Cursor.parse("1_" + "0" * 32)})))
        pages.counts(session)
        quarantine.items(session, limit=10)
        quarantine.items(session, after=Cursor.parse("1_" + "0" * 32), limit=10)
        quarantine.count(session)
    event.remove(bind, "before_cursor_execute", note)
    with bind.connect() as connection:
        if postgresql:
            connection.execute(text("SET enable_seqscan = off"))
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(asked + statement, parameters).fetchall()
            lines = [str(row[-1]) for row in plan]
            bad = [line for line in lines if scans_a_table(line)]
            assert not bad, (statement, lines)


def scans_a_table(line: str) -> bool:
    """Whether a step of a plan reads a whole table: with a LIMIT, the way along an index in order is no scan."""
    if "Seq Scan" in line:
        return True
    return (
        line.startswith("SCAN ")
        and "INDEX" not in line
        and not line.startswith(("SCAN (", "SCAN anon", "SCAN CONSTANT"))
    )
