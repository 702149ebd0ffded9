"""Searches: what was typed is in no address and no event, is its searcher's own, and ends."""

import csv
import io
import re
from html import unescape
from urllib.parse import urlencode

import pytest
from reader import JOAN, classified, reader
from sqlalchemy import select
from ward import JANE, JOHN

from core.phi import Phi
from core.roles import Role
from core.types import AuditAction
from db import worklist
from db.tables import AuditEvent
from db.worklist import Filter
from viewer.asked import Asked
from viewer.searches import Searches


def test_a_search_leads_to_an_address_that_says_nothing_of_it(ward, tmp_path):
    classified(ward)
    pages_of = reader(ward, tmp_path)
    answer = pages_of.post("/search", {"text": " testpat\0ient, joan "})
    place = answer.headers["location"]
    assert answer.status_code == 303
    assert place.startswith("/?found=")
    assert "joan" not in place.lower()
    page = pages_of.get(place).text
    assert "Studies of <bdi" in page
    assert "testpatient, joan" in page
    with ward.sessions.read() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.SEARCH))
        assert (event.actor, event.study_id, "joan" in event.detail) == ("user:reader", None, False)


def test_nothing_typed_is_the_whole_list_and_an_unknown_search_has_ended(ward, tmp_path):
    classified(ward)
    pages_of = reader(ward, tmp_path)
    assert pages_of.post("/search", {"text": "  "}).headers["location"] == "/"
    page = pages_of.get("/?found=nothing").text
    assert "That search has ended" in page
    assert "TESTPATIENT" not in page


@pytest.mark.parametrize("nothing", ["^", "*", " , ", "=^* ", "\u0301"])
def test_a_text_that_leaves_nothing_to_search_by_is_refused_with_a_sentence(ward, tmp_path, nothing):
    classified(ward)
    answer = reader(ward, tmp_path).post("/search", {"text": nothing})
    assert answer.status_code == 422
    assert "Nothing is left to search by" in answer.text
    assert "TESTPATIENT" not in answer.text
    with ward.sessions.read() as session:
        assert session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.SEARCH)).all() == []
        assert worklist.page(session, Filter(text=Phi(nothing))).rows == ()


def test_an_administrator_takes_what_a_list_or_a_search_shows_as_csv(ward, tmp_path):
    for study, who in (("1.2.1", JANE), ("1.2.2", JOHN), ("1.2.3", JOAN)):
        classified(ward, study, who=who)
        ward.clock.turn(60)
    office = reader(ward, tmp_path, role=Role.ADMIN)

    def taken(answer) -> list[str]:
        assert answer.headers["content-disposition"] == 'attachment; filename="studies.csv"'
        return [row["study_instance_uid"] for row in csv.DictReader(io.StringIO(answer.text))]

    def link(place: str) -> str:
        return unescape(re.search(r'<a [^>]*href="([^"]+)">As CSV</a>', office.get(place).text)[1])

    assert taken(office.get(link("/?sort=oldest"))) == ["1.2.1", "1.2.2", "1.2.3"]
    assert taken(office.get(link("/?show=normal"))) == []
    shown = "/?show=ischemia&since=2026-01-02&until=2026-01-02&sender=TESTPACS"
    assert len(taken(office.get(link(shown)))) == 3
    for nobody in ("no AE title at all", "Ä"):
        place = f"/?{urlencode({'sender': nobody})}"
        assert "No such study" in office.get(place).text
        assert taken(office.get(link(place))) == []
    found = office.post("/search", {"text": "testpatient, jo"}).headers["location"]
    page = office.get(f"{found}&show=ischemia&sort=oldest").text
    form = page.partition('<form id="as-csv"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert taken(office.post("/search.csv", fields)) == ["1.2.2", "1.2.3"]
    with ward.sessions.read() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.EXPORT)).all()
    assert {event.actor for event in events} == {"user:admin"}
    assert "csv accepted ischemia search=text oldest" in {event.detail for event in events}
    ended = office.post("/search.csv", fields | {"found": "nothing"})
    assert (ended.status_code, ended.headers["location"]) == (303, "/?show=ischemia&sort=oldest&found=nothing")
    for place in ("/", found):
        assert "As CSV" not in reader(ward, tmp_path).get(place).text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "'; DROP TABLE studies; --", "%_\\", "x" * 5000])
def test_whatever_is_searched_for_is_text(ward, tmp_path, hostile):
    classified(ward)
    pages_of = reader(ward, tmp_path)
    answer = pages_of.get(pages_of.post("/search", {"text": hostile}).headers["location"])
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_a_search_is_its_searchers_own_and_ends():
    now = [0.0]
    searches = Searches(clock=lambda: now[0])
    key = searches.keep(Phi("TEST"), whose="anna")
    assert searches.text(key, whose="anna") == Phi("TEST")
    assert searches.text(key, whose="bert") is None
    assert "TEST" not in repr(searches._kept)
    now[0] = 8 * 3600
    assert searches.text(key, whose="anna") is None


def test_whoever_searches_very_often_pushes_out_nobody_elses_searches():
    searches = Searches()
    berts = searches.keep(Phi("TEST"), whose="bert")
    annas = [searches.keep(Phi("T"), whose="anna") for _ in range(1100)]
    assert searches.text(berts, whose="bert") == Phi("TEST")
    assert [key for key in annas if searches.text(key, whose="anna") is not None] == annas[-50:]
    for number in range(1100):
        searches.keep(Phi("T"), whose=f"user {number}")
    assert len(searches._kept) == 1000


def test_an_address_holds_what_was_asked_for_and_nothing_else():
    asked = Asked.of({"show": "ischemia", "since": "2026-01-02", "sender": "A B", "sort": "oldest", "strange": "x"})
    assert asked.address() == "/?show=ischemia&since=2026-01-02&sender=A+B&sort=oldest"
    assert asked.address(show=Asked().show, since=None, sender="") == "/?sort=oldest"
    assert Asked().address() == "/"
    for wrong in ({"show": "x"}, {"since": "soon"}, {"after": "x"}, {"sort": "x"}):
        with pytest.raises(ValueError, match=r"."):
            Asked.of(wrong)
