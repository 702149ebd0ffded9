"""Each opening of a page is written down before anything is shown; keeping an open page up to date is none."""

import re
from collections import Counter
from typing import Any
from uuid import uuid4

import entry
import pytest
from reader import JOAN, Reader, classified, no_audit_trail, reader, reported, views_written_down
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from core import DISCLAIMER
from core.settings import Settings
from db import schema
from db.session import Sessions, make_engine
from viewer.app import make_app


def again(page: str) -> str:
    """The address by which the page keeps itself up to date."""
    return re.search(r'data-again="([^"]+)"', page)[1].replace("&amp;", "&")


def test_each_opening_is_written_down_and_keeping_up_to_date_is_not(ward, tmp_path):
    study_id = classified(ward)
    report_id = reported(ward, study_id, tmp_path / "store")
    pages_of = reader(ward, tmp_path)
    worklist, study = pages_of.get("/"), pages_of.get(f"/studies/{study_id}")
    expected = Counter([("worklist", None), ("study", study_id)])
    assert Counter(views_written_down(ward)) == expected
    loaded = re.search(r'src="(/reports/[^"]+)"', study.text)[1]
    for place in (again(worklist.text), again(study.text), loaded, again(pages_of.get(again(study.text)).text)):
        assert pages_of.get(place).status_code == 200
    assert Counter(views_written_down(ward)) == expected
    token = again(study.text).partition("seen=")[2]
    for place in (f"/reports/{report_id}.png", f"/?seen={token}", "/?seen=9", f"/studies/{study_id}?seen={token[:-1]}"):
        pages_of.get(place)
    expected += Counter([("report", study_id), ("worklist", None), ("worklist", None), ("study", study_id)])
    assert Counter(views_written_down(ward)) == expected


def test_what_does_not_exist_is_not_written_down(ward, tmp_path):
    reader(ward, tmp_path).get(f"/studies/{uuid4()}")
    assert views_written_down(ward) == []


def test_an_unchanged_page_is_answered_with_304_and_a_changed_one_is_not(ward, tmp_path):
    study_id = classified(ward)
    reported(ward, study_id, tmp_path / "store")
    pages_of = reader(ward, tmp_path)
    for place in ("/", f"/studies/{study_id}"):
        first = pages_of.get(place)
        kept = {"if_none_match": first.headers["etag"]}
        answer = pages_of.get(again(first.text), **kept)
        # The study's own page tells of its opening once; then it stays as it is.
        if answer.status_code == 200:
            kept = {"if_none_match": answer.headers["etag"]}
        assert pages_of.get(again(first.text), **kept).status_code == 304
        ward.arrive("1.1.77", f"more for {place}", who=JOAN, study="1.2.3" if place != "/" else "1.2.99")
        assert pages_of.get(again(first.text), **kept).status_code == 200


def test_a_page_that_outlived_its_viewer_is_written_down_once_and_then_kept_up_to_date(ward, tmp_path):
    classified(ward)
    opened, started_again = reader(ward, tmp_path).get("/"), reader(ward, tmp_path)
    kept = {"if_none_match": opened.headers["etag"]}
    answer = started_again.get(again(opened.text), **kept)
    assert answer.status_code == 200
    assert [started_again.get(again(answer.text), **kept).status_code for _ in range(3)] == [304] * 3
    assert views_written_down(ward) == [("worklist", None)] * 2


def test_nothing_is_shown_that_cannot_be_written_down(ward, tmp_path):
    study_id = classified(ward)
    report_id = reported(ward, study_id, tmp_path / "store")
    pages_of = reader(ward, tmp_path)
    with no_audit_trail(ward.sessions.engine):
        for place in ("/", f"/studies/{study_id}", f"/reports/{report_id}.png"):
            answer = pages_of.get(place)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "JOAN" not in answer.text
            assert DISCLAIMER in answer.text
    assert pages_of.get("/").status_code == 200


def become_the_viewer(connection: Any, _record: object) -> None:
    connection.execute("SET ROLE perfuscope_viewer")
    connection.commit()


@pytest.mark.parametrize("database", ["postgresql"])
def test_the_viewers_role_is_enough_for_every_page_and_for_nothing_more(ward, tmp_path):
    study_id = classified(ward)
    report_id = reported(ward, study_id, tmp_path / "store")
    engine = make_engine(ward.sessions.engine.url.render_as_string(hide_password=False))
    event.listen(engine, "connect", become_the_viewer)
    logged_in = {"Cookie": entry.cookie(Sessions(ward.sessions.engine))}
    pages_of = Reader(make_app(Settings(home=tmp_path), Sessions(engine)), headers=logged_in)
    schema.check(engine)
    for place in ("/", "/?show=undelivered", f"/studies/{study_id}", f"/reports/{report_id}.png"):
        assert pages_of.get(place).status_code == 200, place
    assert len(views_written_down(ward)) == 4
    for change in (
        "UPDATE phi.audit_events SET actor = 'nobody'",
        "DELETE FROM jobs",
        "INSERT INTO cases DEFAULT VALUES",
    ):
        with pytest.raises(ProgrammingError, match="InsufficientPrivilege"), engine.begin() as connection:
            connection.execute(text(change))
    engine.dispose()
