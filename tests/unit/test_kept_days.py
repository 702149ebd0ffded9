"""Days that are over are kept counted, and what is kept never says anything else than counting anew."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from reader import classified
from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.orm import Session
from ward import JOHN, Clock, Ward

from core.types import Label, Outcome, Reason, Status, View
from db import day_figures, kept_days, retention, statistics
from db.day_figures import Figures
from db.day_tables import DayChange, KeptDay
from db.tables import Base, Case

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
SPAN = {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 1, 11, tzinfo=UTC)}


def keep(ward, zone=UTC_ZONE, **span) -> None:
    kept_days.keep(ward.sessions, **{**SPAN, **span}, zone=zone)


def kept(ward) -> list[date]:
    with ward.sessions.read() as session:
        return [starts.date() for starts, _ in sorted(kept_days.read(session, **SPAN))]


def figures(ward, zone=UTC_ZONE, **span) -> statistics.Statistics:
    with ward.sessions.read() as session:
        return statistics.read(session, **{**SPAN, **span}, zone=zone)


def anew(ward, monkeypatch, zone=UTC_ZONE, **span) -> statistics.Statistics:
    with monkeypatch.context() as patch:
        patch.setattr(kept_days, "read", lambda *_, **__: {})
        return figures(ward, zone, **span)


@pytest.fixture(scope="module")
def rows(stories) -> list[tuple[Table, list[dict[str, Any]]]]:
    """Studies of many kinds from two stations, some a day, as they stand in the tables; triggers note what changed."""
    clock = Clock()
    ward = Ward(stories.sessions(clock=clock), clock)
    ward.activate()
    for number in range(6):
        classified(ward, f"1.2.{number}", status=Status(("accepted", "needs_review")[number % 2]))
        ward.arrive("1.8.1", study=f"1.3.{number}", sender_ae="OTHER")
        ward.screen(View.QPS, study=f"1.4.{number}", who=JOHN)
        clock.turn(40)
        ward.tick()
        clock.turn(80_000)
    tables = [table for table in Base.metadata.sorted_tables if table is not DayChange.__table__]
    with ward.sessions.read() as session:
        return [(table, held_by(session, table)) for table in tables]


def held_by(session: Session, table: Table) -> list[dict[str, Any]]:
    """A table's rows, without what the database computes of them."""
    given = [column for column in table.columns if column.computed is None]
    return [dict(row) for row in session.execute(select(*given)).mappings()]


@pytest.fixture
def week(sessions_by_clock, clock, rows) -> Ward:
    """A database of its own with those studies; it is the 11th of January."""
    with sessions_by_clock.write() as session:
        for table, held in rows:
            if held:
                session.execute(insert(table), held)
    clock.now = datetime(2026, 1, 11, 9, tzinfo=UTC)
    return Ward(sessions_by_clock, clock)


@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN, None], ids=str)
def test_kept_days_say_what_counting_anew_says(week, monkeypatch, zone):
    expected = anew(week, monkeypatch, zone)
    assert sum(expected.counts.values()) == 18
    keep(week, zone)
    assert len(kept(week)) >= 7
    assert figures(week, zone) == expected
    middle = {"since": datetime(2026, 1, 3, 5, tzinfo=UTC), "until": datetime(2026, 1, 6, 22, 30, tzinfo=UTC)}
    assert figures(week, zone, **middle) == anew(week, monkeypatch, zone, **middle)


def test_a_day_is_kept_only_two_days_after_it_is_over(week, clock):
    clock.now = datetime(2026, 1, 5, 23, tzinfo=UTC)
    keep(week)
    assert kept(week) == [date(2026, 1, 1), date(2026, 1, 2)]
    clock.turn(3600)
    keep(week)
    assert kept(week) == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]


def changed_label(session, case):
    case.label = Label.INFARCTION


def ended_otherwise(session, case):
    case.outcome, case.reason = Outcome.NO_RESULT, Reason.NOVEL


def took_longer(session, case):
    case.done_at += timedelta(minutes=3)


def superseded(session, case):
    session.execute(update(Case).where(Case.id == case.id).values(superseded_at=case.done_at))


def deleted(session, case):
    retention.forget(session, case.study_id)


CHANGES = [changed_label, ended_otherwise, took_longer, superseded, deleted]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changes_a_study_of_a_kept_day_the_figures_follow_at_once(week, monkeypatch, change):
    keep(week)
    before, days = figures(week), kept(week)
    with week.sessions.write() as session:
        case = session.scalars(select(Case).where(Case.label.is_not(None)).order_by(Case.received_at)).first()
        day = case.received_at.date()
        change(session, case)
    assert kept(week) == [one for one in days if one != day]
    after = figures(week)
    assert after == anew(week, monkeypatch)
    assert after != before
    keep(week)
    assert kept(week) == days
    assert figures(week) == after
    with week.sessions.read() as session:
        assert session.scalars(select(DayChange)).all() == []


def test_an_object_that_comes_for_a_kept_day_is_counted(week, clock, monkeypatch):
    keep(week)
    with week.sessions.write() as session:
        at = session.scalars(select(Case.received_at).order_by(Case.received_at)).first()
    now, clock.now = clock.now, at
    week.arrive("1.9.1", study="1.9.9", sender_ae="LATE")
    clock.now = now
    assert "LATE" in [one.sender for one in figures(week).stations]
    assert figures(week) == anew(week, monkeypatch)


def test_days_of_another_zone_take_the_place_of_those_they_overlap(week, monkeypatch):
    keep(week)
    keep(week, BERLIN)
    assert figures(week, BERLIN) == anew(week, monkeypatch, BERLIN)
    assert figures(week) == anew(week, monkeypatch)
    with week.sessions.read() as session:
        times = sorted(session.execute(select(KeptDay.starts_at, KeptDay.ends_at)).all())
    assert all(before.ends_at <= after.starts_at for before, after in pairwise(times))
    assert {starts.hour for starts, _ in times} == {23}


def test_days_that_are_missing_here_and_there_are_counted_together(week, monkeypatch):
    keep(week)
    with week.sessions.write() as session:
        days = session.scalars(select(KeptDay.starts_at).order_by(KeptDay.starts_at)).all()
        session.execute(delete(KeptDay).where(KeptDay.starts_at.in_(days[::2])))
    monkeypatch.setattr(statistics, "_GAPS", 1)
    assert figures(week) == anew(week, monkeypatch)
    keep(week)
    assert len(kept(week)) == len(days)


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_change_that_is_committed_after_the_counting_is_not_lost(week, monkeypatch):
    with week.sessions.write() as changing:
        changing.execute(update(Case).where(Case.label.is_not(None)).values(label=Label.INFARCTION))
        keep(week)
        assert len(kept(week)) == 8
    assert len(kept(week)) < 8
    assert figures(week) == anew(week, monkeypatch)
    assert figures(week).counts["infarction"] == 3


@pytest.mark.parametrize("database", ["postgresql"])
def test_one_process_keeps_days_at_a_time_and_nobody_waits_for_it(week):
    with week.sessions.write() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": kept_days._KEEPING})
        keep(week)
        assert kept(week) == []
    keep(week)
    assert len(kept(week)) == 8


def test_figures_come_back_from_the_database_as_they_were():
    found = Figures()
    found.alike["A B", "accepted", "normal", None, "0" * 32] += 2
    found.alike["A B", "receiving", None, None, None] += 1
    found.tenths["A B"][12] += 2
    assert Figures.of_json(found.as_json()) == found
    found.add(Figures.of_json(found.as_json()))
    assert found.alike["A B", "receiving", None, None, None] == 2
    assert found.tenths["A B"] == {12: 4}


def test_days_change_their_length_with_the_clocks():
    times = {"since": datetime(2026, 3, 27, 23, tzinfo=UTC), "until": datetime(2026, 3, 30, 22, tzinfo=UTC)}
    lasting = {day.date: day.ends_at - day.starts_at for day in kept_days.days(**times, zone=BERLIN)}
    assert [round(length / timedelta(hours=1)) for length in lasting.values()] == [24, 23, 24]


def test_a_day_that_its_zone_left_out_is_none(ward):
    apia = ZoneInfo("Pacific/Apia")  # after 29 December 2011 came the 31st
    span = {"since": datetime(2011, 12, 28, 10, tzinfo=UTC), "until": datetime(2012, 1, 1, 10, tzinfo=UTC)}
    keep(ward, apia, **span)
    assert [day.date.day for day in kept_days.days(**span, zone=apia)] == [28, 29, 31, 1]
    with ward.sessions.read() as session:
        assert len(kept_days.read(session, **span)) == 4
    assert figures(ward, apia, **span).counts["normal"] == 0


def test_nothing_is_counted_of_days_without_studies(ward):
    with ward.sessions.read() as session:
        assert day_figures.count(session, **SPAN, zone=UTC_ZONE) == {}
