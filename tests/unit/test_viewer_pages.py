"""The worklist and the study page: what they show, to whom, and that each opening is written down first."""

import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import applications
import numpy as np
import pytest
from fastapi import HTTPException
from harness import until
from PIL import Image
from reader import JOAN, classified, reader, reported
from sqlalchemy import select, update
from ward import JOHN, named

from core import DISCLAIMER, TRAINED_ON
from core.phi import Phi
from core.types import REQUIRED_VIEWS, AuditAction, Label, Reason, Status, View
from db import audit, jobs, pages, studies, worklist
from db.pages import Show
from db.tables import ModelVersion, Prediction, Report, ViewImage
from models import artifact
from viewer import words
from viewer.asked import Asked
from viewer.images import Images
from viewer.opened import Openings
from viewer.pictures import ReportPictures
from viewer.seen import Seen

NAMES = {
    "TESTPATIENT^JOAN^Q": "TESTPATIENT, JOAN Q",
    "ΦΑΝΤΑΣΜΑ^ΣΚΛΗΘΡΑ": "ΦΑΝΤΑΣΜΑ, ΣΚΛΗΘΡΑ",
    "Kakuu^Kanja=架空^患者=かくう^かんじゃ": "架空 患者",
    "شبح^تجربة": "شبح, تجربة",
    "": "No name",
}


def test_an_empty_worklist_says_where_to_push_to(ward, tmp_path):
    page = reader(ward, tmp_path, ae_title="HERE", dicom_port=104, accept_any_peer=True).get("/").text
    assert "HERE@127.0.0.1:104" in page
    assert "perfuscope send STUDIES --to HERE@127.0.0.1:104" in page
    assert "Nobody may send" not in page
    assert "Nobody may send" in reader(ward, tmp_path).get("/").text


def test_the_worklist_shows_who_what_and_how_sure_newest_first(ward, clock, tmp_path):
    classified(ward, "1.2.1", who=JOHN, said=(0.9, 0.08, 0.02))
    clock.turn(60)
    study_id = classified(ward)
    page = reader(ward, tmp_path).get("/").text
    assert page.index("TESTPATIENT, JOAN") < page.index("TESTPATIENT, JOHN")
    for shown in ("T-003", "A3", "2026-01-03", "Ischemia", "70 %", "10 %", "20 %", f"/studies/{study_id}"):
        assert shown in page
    assert DISCLAIMER in page
    assert TRAINED_ON in page


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_names_are_shown_as_people_write_them_in_any_script(ward, tmp_path, name, shown):
    study_id = classified(ward, who=named("T-1", name, "", "", ""))
    pages_of = reader(ward, tmp_path)
    assert f'dir="auto">{shown}<' in pages_of.get("/").text
    assert f'dir="auto">{shown}<' in pages_of.get(f"/studies/{study_id}").text


@pytest.mark.parametrize("hostile", ["<script>^alert(1)", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}^{% raw %}"])
def test_whatever_a_header_says_is_text(ward, tmp_path, hostile):
    study_id = classified(ward, who=named(hostile, hostile, hostile[:32], hostile, hostile[:32]))
    for place in ("/", f"/studies/{study_id}"):
        page = reader(ward, tmp_path).get(place).text
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert "49" not in re.sub(r"[0-9a-f-]{10,}", "", page)  # ids, and the time of the opening


def test_marks_that_turn_the_text_around_them_are_left_out(ward, tmp_path):
    classified(ward, who=named("T\u202e-1", "TEST\u202ePATIENT^J\u0085O\u2066", "", "", ""))
    assert not set("\u202e\u0085\u2066") & set(reader(ward, tmp_path).get("/").text)


def test_a_study_without_a_result_says_why_in_words(ward, clock, tmp_path):
    ward.screen(View.QPS)
    clock.turn(30)
    ward.tick()
    page = reader(ward, tmp_path).get("/").text
    assert "No result" in page
    assert "Incomplete (missing: Stress QGS, Rest QGS)" in page


def test_an_uncertain_result_is_one_to_review_never_a_label(ward, tmp_path):
    study_id = classified(ward, status=Status.NEEDS_REVIEW, said=(0.3, 0.4, 0.3))
    assert " Needs review<" in reader(ward, tmp_path).get("/").text
    page = reader(ward, tmp_path).get(f"/studies/{study_id}").text
    assert "To be read by a physician. Most probable: ischemia, 40\N{NO-BREAK SPACE}%." in page
    assert " Ischemia</p>" not in page


def test_objects_in_quarantine_are_told_on_the_list_and_on_the_page(ward, tmp_path):
    ward.quarantined(ward.arrive("1.1.9", who=JOAN), Reason.UNKNOWN_LAYOUT)
    study_id = classified(ward)
    assert "1 object in quarantine" in reader(ward, tmp_path).get("/").text
    assert "layout is not known" in reader(ward, tmp_path).get(f"/studies/{study_id}").text


def test_a_study_of_which_nothing_is_shown_is_not_to_be_reviewed(ward, clock, tmp_path):
    ward.arrive("1.9", screen=False, who=JOHN)
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    clock.turn(30)
    ward.tick()
    page = reader(ward, tmp_path).get(f"/studies/{ward.study().id}").text
    assert "Kept aside and not classified" in page
    assert "there is nothing to review" in page
    assert 'class="review"' not in page


def test_the_counts_part_the_studies_and_each_choice_lists_its_own(ward, clock, tmp_path):
    classified(ward, "1.2.1", said=(0.9, 0.05, 0.05))
    classified(ward, "1.2.2")
    classified(ward, "1.2.3", said=(0.0, 0.1, 0.9))
    classified(ward, "1.2.4", status=Status.NEEDS_REVIEW)
    ward.screen(View.QPS, study="1.2.5")
    clock.turn(30)
    ward.tick()
    ward.screen(View.QPS, study="1.2.6", who=JOHN)
    expected = {
        Show.ALL: 6,
        Show.AT_WORK: 1,
        Show.NORMAL: 1,
        Show.ISCHEMIA: 1,
        Show.INFARCTION: 1,
        Show.NEEDS_REVIEW: 1,
        Show.NO_RESULT: 1,
        Show.QUARANTINED: 0,
        Show.UNDELIVERED: 0,
    }
    with ward.sessions.read() as session:
        assert pages.counts(session) == expected
        listed = {show: worklist.page(session, Asked(show).filter(None, UTC)).rows for show in Show}
    assert {show: len(rows) for show, rows in listed.items()} == expected
    page = reader(ward, tmp_path).get("/?show=at_work").text
    assert "TESTPATIENT, JOHN" in page
    assert "TESTPATIENT, JOAN" not in page


def test_a_report_that_was_given_up_is_counted_and_listed(ward, tmp_path):
    study_id = classified(ward)
    reported(ward, study_id, None)
    assert "Waiting to be sent" in reader(ward, tmp_path).get("/").text
    (job,) = [job for job in ward.jobs() if job.destination]
    with ward.sessions.write() as session:
        claimed = jobs.claim(session, job.id, now=ward.clock.now, lease=timedelta(seconds=30))
        jobs.bury(session, claimed, now=ward.clock.now, error="peer_away")
    page = reader(ward, tmp_path).get("/?show=undelivered").text
    assert "Not delivered" in page
    assert "TESTPATIENT, JOAN" in page
    assert "last error: peer_away" in reader(ward, tmp_path).get(f"/studies/{study_id}").text


def test_nothing_is_counted_further_than_anybody_reads(ward, tmp_path, monkeypatch):
    for number in range(5):
        ward.arrive("1.1.0", study=f"1.2.{number}")
    for module in (pages, words):
        monkeypatch.setattr(module, "MOST", 4)
    with ward.sessions.read() as session:
        assert {pages.counts(session)[show] for show in (Show.ALL, Show.AT_WORK)} == {4}
    assert '<span class="count">4+</span>' in reader(ward, tmp_path).get("/").text


def test_the_list_is_cut_into_pages_that_keep_the_choice(ward, clock, tmp_path, monkeypatch):
    for number in range(51):
        ward.arrive("1.1.0", study=f"1.2.{number}")
        clock.turn(1)
    pages_of = reader(ward, tmp_path)
    older = re.search(r'href="([^"]+)" rel="next"', pages_of.get("/?show=at_work").text)[1].replace("&amp;", "&")
    page = pages_of.get(older).text
    assert page.count("data-key=") == 1
    assert 'href="/?show=at_work"' in page


def test_an_older_revision_stays_readable_and_says_it_was_superseded(ward, tmp_path):
    study_id = classified(ward)
    reported(ward, study_id, tmp_path / "store")
    ward.prepared(ward.arrive("1.1.0", "second", who=JOAN), View.QPS, "another crop")
    pages_of = reader(ward, tmp_path)
    assert "Classifying" in pages_of.get(f"/studies/{study_id}").text
    old = pages_of.get(f"/studies/{study_id}?revision=1").text
    assert "Revision 1 was superseded" in old
    assert " Ischemia</p>" in old
    assert "/reports/" in old
    assert pages_of.get(f"/studies/{study_id}?revision=9").status_code == 404


def test_the_page_names_the_model_the_crops_and_the_times(ward, tmp_path):
    study_id = classified(ward)
    with ward.sessions.write() as session:
        for _ in range(3):
            audit.record(
                session, AuditAction.RECEIVE, actor="node", now=ward.clock.now, study_id=study_id, detail="stored"
            )
        crops = [str(key) for key in session.scalars(ViewImage.__table__.select().with_only_columns(ViewImage.id))]
    page = reader(ward, tmp_path).get(f"/studies/{study_id}").text
    assert "a" * 64 in page
    assert all(f"/crops/{key}.png" in page for key in crops)
    assert "Received</strong>" in page
    assert "3 times" in page
    image = reader(ward, tmp_path).get(f"/crops/{crops[0]}.png")
    assert (image.content, image.headers["content-type"]) == (b"png", "image/png")


def test_the_report_is_shown_as_it_was_sent_and_else_says_why_not(ward, tmp_path):
    study_id = classified(ward)
    report_id = reported(ward, study_id, tmp_path / "store")
    place, pages_of = f"/reports/{report_id}.png", reader(ward, tmp_path)
    assert place in pages_of.get(f"/studies/{study_id}").text
    picture = pages_of.get(place)
    assert (picture.status_code, picture.content[:4]) == (200, b"\x89PNG")
    file = tmp_path / "store" / f"{report_id}.dcm"
    file.write_bytes(file.read_bytes() + b"more")
    applications.restarted()  # the one before keeps what it drew
    changed = reader(ward, tmp_path).get(place)
    assert (changed.status_code, "SHA-256 differs" in changed.text) == (404, True)
    file.unlink()
    assert "not in the store of this machine" in reader(ward, tmp_path).get(place).text
    assert "not in the store of this machine" in reader(ward, tmp_path).get(f"/studies/{study_id}").text
    with ward.sessions.write() as session:
        session.get_one(Report, report_id).purged_at = ward.clock.now
    assert "Deleted by retention" in reader(ward, tmp_path).get(f"/studies/{study_id}").text


def test_a_report_whose_path_leads_out_of_the_store_is_not_opened(ward, tmp_path):
    study_id = classified(ward)
    report_id = reported(ward, study_id, tmp_path)
    with ward.sessions.write() as session:
        session.get_one(Report, report_id).path = f"../{report_id}.dcm"
    assert reader(ward, tmp_path).get(f"/reports/{report_id}.png").status_code == 404


def test_what_is_not_there_gets_a_page_that_repeats_nothing(ward, tmp_path):
    pages_of = reader(ward, tmp_path)
    unknown = ["/studies/x", "/?show=x", "/?after=x", "/?after=inf_00", "/no/such/page", "/docs", "/openapi.json"]
    unknown += [f"/studies/{uuid4()}", f"/crops/{uuid4()}.png", f"/reports/{uuid4()}.png", "/static/no.css"]
    for place in unknown:
        answer = pages_of.get(place)
        assert (answer.status_code, "Nothing is here" in answer.text) == (404, True), place
        assert place not in answer.text


def test_a_bug_is_a_page_without_its_text(ward, tmp_path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("TESTPATIENT^JOAN")

    monkeypatch.setattr(pages, "counts", broken)
    answer = reader(ward, tmp_path).get("/")
    assert (answer.status_code, "Something went wrong" in answer.text) == (500, True)
    assert "TESTPATIENT" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_addresses_and_titles_hold_no_identifier(ward, tmp_path):
    study_id = classified(ward)
    for place in ("/", f"/studies/{study_id}"):
        page = reader(ward, tmp_path).get(place).text
        with ward.sessions.read() as session:
            assert studies.id_of(session, Phi("1.2.3")) == study_id
        named = re.findall(r'(?:href|src|data-again|data-key)="([^"]*)"', page) + re.findall(
            "<title>(.*)</title>", page
        )
        assert named
        assert not [one for one in named if re.search(r"T-003|JOAN|A3\b|1\.2\.3", one)]


def test_many_who_ask_for_overlays_keep_no_thread_from_other_pages(ward, tmp_path, monkeypatch):
    case_id, go_on = uuid4(), threading.Event()
    drawing = Images(ward.sessions, ReportPictures(tmp_path), Openings(ward.sessions, Seen()))
    monkeypatch.setattr("viewer.images.study_page.explained", lambda *_: SimpleNamespace(side=1))
    monkeypatch.setattr("viewer.images._drawn", lambda *_: go_on.wait(20) and b"png")

    def ask(number: int) -> int:
        try:
            return drawing.overlay(UUID(int=case_id.int ^ number), View.QPS, Label.NORMAL).status_code
        except HTTPException as error:
            return error.status_code

    with ThreadPoolExecutor(30) as pool:
        asked = [pool.submit(ask, number) for number in range(30)]
        until(lambda: sum(one.done() for one in asked) == 16, 20, "those who find the line full are told")
        go_on.set()
        assert sorted(one.result() for one in asked) == [200] * 14 + [503] * 16


def test_a_study_that_was_looked_at_very_often_still_shows_what_became_of_it(ward, tmp_path, monkeypatch):
    monkeypatch.setattr("db.study_page._LOOKS", 5)
    study_id = classified(ward)
    pages_of = reader(ward, tmp_path)
    assert "all of them are in the audit trail" not in pages_of.get(f"/studies/{study_id}").text
    with ward.sessions.write() as session:
        audit.record(session, AuditAction.RECEIVE, actor="ae:FIRST", now=ward.clock.now, study_id=study_id)
        for number in range(9):
            at = ward.clock.now + timedelta(seconds=number)
            audit.record(session, AuditAction.VIEW, actor=f"user:reader{number}", now=at, study_id=study_id)
    page = pages_of.get(f"/studies/{study_id}").text
    assert "all of them are in the audit trail" in page
    assert "FIRST" in page
    assert [f"reader{number}" in page for number in range(9)] == [False] * 4 + [True] * 5


def test_where_the_model_looked_is_a_picture_of_the_crops_own_places(ward, tmp_path):
    study_id = classified(ward)
    with ward.sessions.write() as session:
        crop = io.BytesIO()
        Image.new("RGB", (580, 580)).save(crop, "PNG")
        session.execute(update(ViewImage).values(png=crop.getvalue()))
        said = session.scalars(select(Prediction).where(Prediction.view == View.QPS.value)).one()
        said.activation = np.ones((7, 7, 3), "<f4").tobytes()
        case_id = said.case_id
    pages_of = reader(ward, tmp_path)
    place = f"/overlays/{case_id}/qps/ischemia.png"
    assert place in pages_of.get(f"/studies/{study_id}").text
    drawn = Image.open(io.BytesIO(pages_of.get(place).content))
    assert (drawn.size, drawn.mode) == ((640, 640), "RGBA")
    assert "Nothing on it speaks for ischemia" in pages_of.get(f"/studies/{study_id}").text  # on the other two
    for none in ("qps/healthy", "heart/ischemia"):
        assert pages_of.get(f"/overlays/{case_id}/{none}.png").status_code == 404
    assert pages_of.get(f"/overlays/{uuid4()}/qps/normal.png").status_code == 404


def test_two_revisions_stand_side_by_side_with_what_differs_named(ward, tmp_path):
    study_id = classified(ward)
    ward.prepared(ward.arrive("1.1.0", "second", who=JOAN), View.QPS, "another crop")
    pages_of = reader(ward, tmp_path)
    assert f"/studies/{study_id}/revisions?left=1&amp;right=2" in pages_of.get(f"/studies/{study_id}").text
    page = pages_of.get(f"/studies/{study_id}/revisions?left=1&right=2").text
    changed = re.findall(r'<tr class="changed"><th scope="row">([^<]+)', page)
    assert changed == ["Result", "QPS"]
    assert pages_of.get(f"/studies/{study_id}/revisions?left=1&right=9").status_code == 404
    assert pages_of.get(f"/studies/{study_id}/revisions").status_code == 404


def test_the_model_card_is_one_click_away_and_says_what_it_holds(ward, tmp_path):
    study_id = classified(ward)
    pages_of = reader(ward, tmp_path)
    place = re.search(r'href="(/models/[^"]+)"', pages_of.get(f"/studies/{study_id}").text)[1]
    assert "The card holds none" in pages_of.get(place).text
    shipped = json.loads((artifact.shipped() / "card.json").read_text())
    with ward.sessions.write() as session:
        session.scalars(select(ModelVersion)).one().card = shipped
    page = pages_of.get(place).text
    assert shipped["statement"] in page
    assert "254 of 300, 80 to 88 %" in page
    assert pages_of.get(f"/models/{uuid4()}").status_code == 404
