"""Figures of a span of time: counts add up, days are people's, latencies are exact, shares carry their n."""

import asyncio
import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from programs import Program
from reader import classified
from sqlalchemy import update
from ward import JOHN

from core import kappa
from core.kappa import FEWEST, Kappa
from core.phi import Phi
from core.proportion import Share
from core.roles import Role
from core.settings import Settings
from core.types import Confidence, Label, Reason, Status, View
from db import cases, reviews, statistics, statistics_table, studies
from db.agreement import Agreements
from db.drift import drifts
from db.reviews import NewReview
from db.statistics import PLACES, Day
from db.statistics_table import Subject
from db.tables import Case, ModelVersion
from viewer import charts
from viewer.access import Principal
from viewer.app import routes
from viewer.cookie import Cookie
from viewer.render import Templates

BERLIN = ZoneInfo("Europe/Berlin")
CARD = {
    "novelty": {"refused_held_out": {"hits": 4, "n": 444}},
    "review": {"coverage": 0.9, "patients": 800},
}


def figures(ward, since="2026-01-01", until="2026-02-01", zone=None) -> statistics.Statistics:
    times = {name: datetime.fromisoformat(t).replace(tzinfo=UTC) for name, t in (("since", since), ("until", until))}
    with ward.sessions.read() as session:
        return statistics.read(session, **times, zone=zone or ZoneInfo("UTC"))


@pytest.fixture
def busy(ward, clock):
    """TESTPACS with a normal one, an ischemia, one to review and an incomplete one; OTHER with one in quarantine."""
    classified(ward, "1.2.1", said=(0.9, 0.05, 0.05))
    clock.turn(86_400)
    classified(ward, "1.2.2")
    classified(ward, "1.2.3", status=Status.NEEDS_REVIEW)
    ward.screen(View.QPS, study="1.2.4", who=JOHN)
    clock.turn(40)
    ward.tick()
    ward.quarantined(ward.arrive("1.7.1", study="1.2.8", sender_ae="OTHER"), Reason.UNKNOWN_LAYOUT)
    with ward.sessions.write() as session:
        session.execute(update(ModelVersion).values(card=CARD))
    return ward


def test_every_study_of_the_span_is_counted_once_by_day_and_by_station(busy):
    found = figures(busy)
    assert len(found.days) == 31
    told = {day.day: {place: n for place, n in day.counts.items() if n} for day in found.days if day.studies}
    assert told == {
        date(2026, 1, 2): {"normal": 1},
        date(2026, 1, 3): {"ischemia": 1, "needs_review": 1, "no_result": 1, "at_work": 1},
    }
    assert [(one.sender, one.studies) for one in found.stations] == [("TESTPACS", 4), ("OTHER", 1)]
    assert found.reasons == {Reason.INCOMPLETE: 1}
    assert sum(found.counts.values()) == 5
    assert figures(busy, until="2026-01-03").counts == dict.fromkeys(PLACES, 0) | {"normal": 1}
    assert figures(busy, since="2026-01-04").stations == ()


def test_days_begin_at_midnight_of_the_zone_also_when_clocks_change(ward, clock):
    for number, at in enumerate(
        ("03-28T22:59", "03-28T23:00", "03-29T21:59", "03-29T22:00", "10-25T22:59", "10-25T23:00")
    ):
        clock.now = datetime.fromisoformat(f"2026-{at}:00+00:00")
        ward.arrive(f"1.1.{number}", study=f"1.2.{number}")
    counted = Counter()
    for day in figures(ward, "2026-01-01", "2026-12-31", BERLIN).days:
        counted[str(day.day)] += day.studies
    assert +counted == {"2026-03-28": 1, "2026-03-29": 2, "2026-03-30": 1, "2026-10-25": 1, "2026-10-26": 1}


def test_latency_is_from_the_last_object_to_the_end_of_results_to_a_tenth_of_a_second(ward, clock):
    began = clock.now
    for number in range(20):
        clock.now = began
        study_id = classified(ward, f"1.2.{number}")
        with ward.sessions.write() as session:
            done = began + timedelta(seconds=0.25 + number)
            session.execute(update(Case).where(Case.study_id == study_id).values(done_at=done))
    found = figures(ward)
    assert (found.latency.n, found.latency.median_s, found.latency.p95_s) == (20, 9.2, 18.2)
    assert found.stations[0].latency == found.latency


def test_a_study_classified_again_because_somebody_asked_has_no_latency(ward, clock):
    from dicom_node import decisions

    study_id = classified(ward)
    clock.turn(86_400)
    with ward.sessions.write() as session:
        decisions.classify_again(session, study_id, actor="test", now=clock.now, policy=ward.policy)
    with ward.sessions.read() as session:
        fed = {case.revision: case.fed_at for case in session.query(Case)}
    assert fed == {1: clock.now - timedelta(days=1), 2: None}
    assert figures(ward).latency.n == 0


def test_drift_is_a_share_beside_the_cards_each_with_its_n(busy):
    (unlike, review) = figures(busy).stations[0].drifts
    assert (unlike.what, unlike.here, unlike.reference) == ("unlike", Share(0, 3), Share(4, 444))
    assert (review.what, review.here, review.reference) == ("review", Share(1, 3), Share(80, 800))
    assert not review.is_beyond_chance
    assert figures(busy).stations[1].drifts == ()


def test_drift_beyond_chance_is_told_in_standard_errors():
    from core.types import State

    cells = [
        ("A", State.ACCEPTED, None, 60),
        ("A", State.NEEDS_REVIEW, None, 40),
        ("A", State.NO_RESULT, Reason.NOVEL, 1),
    ]
    unlike, review = drifts(CARD, cells)["A"]
    assert review.standard_errors == pytest.approx(8.32, abs=0.01)
    assert review.is_beyond_chance
    assert unlike.here == Share(1, 101)
    assert not unlike.is_beyond_chance
    assert drifts({}, cells) == {"A": ()}


def reviewed(ward, study_id, reader: str, label: Label, *, minutes: int = 0) -> None:
    """A reader's review of the study's revision in force, so many minutes from now."""
    new = NewReview(uuid4(), reader, f"user:{reader}", label, Confidence.HIGH, Phi(""))
    with ward.sessions.write() as session:
        at = ward.clock.now + timedelta(minutes=minutes)
        reviews.add(session, cases.latest(session, study_id), new, now=at)


def test_agreement_counts_each_readers_newest_review_once(ward):
    assert figures(ward).agreement == Agreements()
    first, second = classified(ward, "1.2.1"), classified(ward, "1.2.2", said=(0.8, 0.1, 0.1))
    reviewed(ward, first, "ann", Label.NORMAL)
    reviewed(ward, first, "ann", Label.ISCHEMIA, minutes=1)
    reviewed(ward, first, "bob", Label.ISCHEMIA)
    reviewed(ward, second, "ann", Label.NORMAL)
    reviewed(ward, second, "bob", Label.INFARCTION)
    found = {(one.what, one.station, one.label): one.share for one in figures(ward).agreement.shares}
    of_stations = {
        ("model", None): Share(3, 4),
        ("model", Label.ISCHEMIA): Share(2, 2),
        ("model", Label.NORMAL): Share(1, 2),
        ("readers", None): Share(1, 2),
    }
    assert found == {
        (what, place, label): share for place in ("(all)", "TESTPACS") for (what, label), share in of_stations.items()
    }
    table = statistics_table.of(figures(ward), Subject.AGREEMENT)
    assert table.rows[0] == ("(all)", "model", None, 3, 4, 0.75, 0.3006, 0.9544)


def test_agreement_is_told_of_each_station_and_of_the_span_alone(ward, clock):
    for number, sender in enumerate(("EAST", "WEST", "WEST")):
        study_id = classified(ward, f"1.2.{number}")
        with ward.sessions.write() as session:
            session.execute(update(Case).where(Case.study_id == study_id).values(sender_ae=sender))
        reviewed(ward, study_id, "ann", Label.ISCHEMIA if sender == "EAST" else Label.NORMAL)
        clock.turn(86_400)
    shares = {(one.station, one.label): one.share for one in figures(ward).agreement.shares}
    told = {station: shares[station, None] for station in ("(all)", "EAST", "WEST")}
    assert told == {"(all)": Share(1, 3), "EAST": Share(1, 1), "WEST": Share(0, 2)}
    (_, west) = [one for one in figures(ward, since="2026-01-03").agreement.shares if one.label is None]
    assert (west.station, west.share) == ("WEST", Share(0, 2))


def test_what_was_read_of_a_revision_that_is_replaced_counts_no_longer(ward):
    from dicom_node import decisions

    study_id = classified(ward)
    reviewed(ward, study_id, "ann", Label.NORMAL)
    with ward.sessions.write() as session:
        decisions.classify_again(session, study_id, actor="test", now=ward.clock.now, policy=ward.policy)
    assert figures(ward).agreement == Agreements()


def test_a_kappa_is_told_of_two_readers_and_of_each_with_the_model(ward, monkeypatch):
    monkeypatch.setattr(kappa, "FEWEST", 4)
    for number in range(4):
        study_id = classified(ward, f"1.2.{number}", said=(0.8, 0.1, 0.1) if number % 2 else (0.1, 0.8, 0.1))
        model = Label.NORMAL if number % 2 else Label.ISCHEMIA
        reviewed(ward, study_id, "ann", model)
        reviewed(ward, study_id, "bob", Label.NORMAL if number < 1 else model)
    told = {(one.first, one.second): one.kappa for one in figures(ward).agreement.pairs}
    assert list(told) == [("ann", "(model)"), ("bob", "(model)"), ("ann", "bob")]
    assert told["ann", "bob"].agreed == Share(3, 4)
    assert told["ann", "bob"].value == pytest.approx((0.75 - 0.5) / 0.5)
    assert told["ann", "(model)"].value == 1.0
    low, high = told["ann", "(model)"].interval
    assert (round(low, 2), high) == (0.02, 1.0)
    table = statistics_table.of(figures(ward), Subject.KAPPA)
    assert table.rows[0][:6] == ("ann", "(model)", 4, 4, 0.5, 1.0)


def test_no_kappa_is_told_of_few_studies_or_of_one_label_alone():
    few = Kappa.of({(Label.NORMAL, Label.NORMAL): 10, (Label.ISCHEMIA, Label.ISCHEMIA): FEWEST - 11})
    same = Kappa.of({(Label.NORMAL, Label.NORMAL): 100})
    assert [one.value for one in (few, same, Kappa.of({}))] == [None] * 3
    assert [one.interval for one in (few, same, Kappa.of({}))] == [None] * 3
    chance = Kappa.of(dict.fromkeys([(one, other) for one in Label for other in Label], 10))
    assert chance.value == pytest.approx(0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_programs_get_the_figures_as_json_and_each_table_as_csv(busy, tmp_path):
    api, span = Program.on(busy.sessions, tmp_path), {"since": "2026-01-01", "until": "2026-01-31"}
    told = api.get("/statistics", **span).json()
    assert (len(told["days"]), told["stations"][0]["station"], told["model"]) == (30, "TESTPACS", "toy 1")
    for subject in Subject:
        answer = api.get("/statistics.csv", subject=subject.value, **span)
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert tuple(rows[0]) == statistics_table.columns(subject)
        assert len(rows) == 1 + len(told[subject.value])


class Admin:
    """A gate that knows everybody as the same administrator."""

    def known(self, _request):
        return Principal("ann", uuid4(), Role.ADMIN, "session")

    def refused(self, _request, _who):
        raise AssertionError

    def csrf(self, _request):
        return "csrf"


@pytest.fixture
def page(busy, tmp_path):
    """Asks for the page of figures as an administrator."""
    settings = Settings(home=tmp_path, report={"timezone": "UTC"})
    app = routes(settings, busy.sessions, templates=Templates("UTC"), cookie=Cookie(8080))
    app.state.gate = Admin()

    async def ask(parameters):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.get("/admin/statistics", params=parameters)

    return lambda **parameters: asyncio.run(ask(parameters))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_page_draws_the_figures_and_links_to_their_tables(page):
    answer = page(since="2026-01-01", until="2026-01-31")
    assert answer.status_code == 200
    for shown in (
        "<title>2026-01-03: 4 (1 ischemia, 1 needs review, 1 no result, 1 at work)</title>",
        '<th scope="row">TESTPACS</th><td>4</td>',
        "33.3 %</td><td>3</td><td>10.0 %</td><td>800</td>",
        "/api/v1/statistics.csv?subject=drift&amp;since=2026-01-01T00%3A00%3A00Z&amp;until=2026-02-01T00%3A00%3A00Z",
        "Nobody has reviewed a study of these days.",
    ):
        assert shown in answer.text
    assert "style=" not in answer.text
    assert "Nothing was received in these days" in page(since="2025-01-01", until="2025-01-31").text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_page_tells_agreement_with_its_interval_and_no_kappa_of_few(page, busy):
    study_id = classified(busy, "1.2.9")
    for name in ("ann", "bob"):
        reviewed(busy, study_id, name, Label.ISCHEMIA)
    shown = page(since="2026-01-01", until="2026-01-31").text
    assert '<td class="words">Readers with each other</td><td>100.0 %</td><td>21 to 100 %</td><td>1</td>' in shown
    ann = shown.partition('<th scope="row">ann</th><td class="words">bob</td>')[2].partition("</tr>")[0]
    assert ann == 2 * "<td>\N{EN DASH}</td>" + "<td>100.0 %</td><td>1</td>"
    assert "subject=kappa" in shown


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_reviews_of_what_the_model_gave_no_label_are_told_and_compared_with_each_other(page, busy):
    with busy.sessions.read() as session:
        study_id = studies.id_of(session, Phi("1.2.4"))
    reviewed(busy, study_id, "ann", Label.NORMAL)
    shown = page(since="2026-01-01", until="2026-01-31").text
    assert "Studies of these days were reviewed, but there is nothing to compare" in shown
    assert "Nobody has reviewed" not in shown
    reviewed(busy, study_id, "bob", Label.NORMAL)
    shown = page(since="2026-01-01", until="2026-01-31").text
    assert '<td class="words">Readers with each other</td><td>100.0 %</td>' in shown
    assert all(f"subject={name}" in shown for name in ("agreement", "kappa"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_days_that_cannot_be_shown_are_told_in_a_sentence(page):
    for since, until in (
        ("x", ""),
        ("2026-01-02", "2026-01-01"),
        ("2020-01-01", "2026-01-01"),
        ("0001-01-01", ""),
        ("", "9999-12-31"),
    ):
        answer = page(since=since, until=until)
        assert answer.status_code == 422
        assert "Write days as 2026-11-23" in answer.text


def test_a_chart_of_many_days_has_a_bar_a_week_and_room_for_all():
    days = [Day(date(2026, 1, 1) + timedelta(days=n), dict.fromkeys(PLACES, n % 3)) for n in range(365)]
    chart = charts.stacked(days, dict.fromkeys(PLACES, "Any"))
    assert (len(chart.bars), chart.by_week) == (53, True)
    assert all(bar.x >= chart.left and bar.x + bar.width <= chart.right for bar in chart.bars)
    assert all(piece.y >= charts.TOP and piece.height > 0 for bar in chart.bars for piece in bar.pieces)
    assert [tick.text for tick in chart.ticks] == ["0", "20", "40", "60", "80"]
    assert charts.stacked([], {}).bars == ()
