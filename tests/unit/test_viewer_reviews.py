"""What readers say of a result: beside the model's, never over it; once a form; disagreement is shown."""

import re
from concurrent.futures import ThreadPoolExecutor, wait
from html import escape
from uuid import uuid4

import pytest
from entry import cookie
from reader import JOAN, classified, no_audit_trail, reader, views_written_down
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from core.phi import Phi
from core.roles import Role
from core.types import AuditAction, Confidence, Label, View
from db import audit, cases, reviews
from db.reviews import NewReview, Standing
from db.tables import Case
from viewer import words


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the form on a study's page."""
    form = page[page.index('<form class="review"') :]
    return dict(re.findall(r'<input type="hidden" name="(case|once)" value="([^"]+)"', form))


def said(page: str, label: str = "normal", confidence: str = "high", comment: str = "") -> dict[str, str]:
    return form_of(page) | {"label": label, "confidence": confidence, "comment": comment}


def another(ward, study_id, who: str, label: Label, form=None) -> bool:
    """Another reader's review."""
    with ward.sessions.write() as session:
        case = cases.latest(session, study_id)
        new = NewReview(form or uuid4(), who, f"user:{who}", label, Confidence.LOW, Phi(""))
        return reviews.add(session, case, new, now=ward.clock.now)


def test_a_review_stands_beside_the_models_result_and_changes_nothing_of_it(ward, tmp_path):
    study_id = classified(ward)
    pages_of = reader(ward, tmp_path)
    place = f"/studies/{study_id}"
    answer = pages_of.post(f"{place}/reviews", said(pages_of.get(place).text, comment="<b>breast</b>\r\nshadow"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{place}#readers")
    page = pages_of.get(place).text
    assert "Another label" in page
    assert "<strong>Normal</strong>, sure" in page
    assert "&lt;b&gt;breast&lt;/b&gt;\nshadow" in page
    assert " Ischemia</p>" in page
    assert 'class="standing differs"' in pages_of.get("/").text
    with ward.sessions.read() as session:
        (event,) = [
            e for e in audit.listed(session, study_id=study_id, since=None, limit=100) if e.action is AuditAction.REVIEW
        ]
        assert (event.actor, event.detail) == ("user:reader", "revision=1 normal high")
        assert session.get_one(Case, cases.latest(session, study_id).id).label is Label.ISCHEMIA


def test_a_form_that_is_sent_twice_counts_once_and_a_second_thought_is_another_review(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    first = said(pages_of.get(place).text)
    for fields in (first, first):
        assert pages_of.post(f"{place}/reviews", fields).status_code == 303
    ward.clock.turn(60)
    page = pages_of.get(place).text
    assert "You called it normal, sure" in page
    assert pages_of.post(f"{place}/reviews", said(page, "ischemia", "low")).status_code == 303
    with ward.sessions.read() as session:
        found = reviews.of_study(session, study_id)
        assert [review.label for review in found] == [Label.ISCHEMIA, Label.NORMAL]
        assert reviews.standing(found) is Standing.AGREED
        assert [review.label for review in reviews.in_force(found)] == [Label.ISCHEMIA]


@pytest.mark.parametrize("change", [{"label": "infarction"}, {"confidence": "low"}, {"comment": "<b>or not</b>"}])
def test_another_review_by_a_form_of_two_windows_is_shown_again_and_then_saved(ward, tmp_path, change):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    first = said(pages_of.get(place).text)
    second = first | change
    assert pages_of.post(f"{place}/reviews", first).status_code == 303
    ward.clock.turn(60)
    refused = pages_of.post(f"{place}/reviews", second)
    assert (refused.status_code, "Look at it, and save this one again if it still holds." in refused.text) == (
        409,
        True,
    )
    assert "You called it normal, sure" in refused.text
    for name in ("label", "confidence"):
        assert re.findall(rf'name="{name}" value="(\w+)" required checked', refused.text) == [second[name]]
    assert f">{escape(second['comment'])}</textarea>" in refused.text
    assert f'data-again="{place}?seen=' in refused.text
    again = second | form_of(refused.text)
    assert again["once"] == form_of(pages_of.get(place).text)["once"] != first["once"]
    assert pages_of.post(f"{place}/reviews", again).status_code == 303
    with ward.sessions.read() as session:
        assert [review.label.value for review in reviews.of_study(session, study_id)] == [second["label"], "normal"]
    assert views_written_down(ward).count(("study", study_id)) == 3


def test_a_forged_form_takes_no_colleagues_place(ward, tmp_path):
    study_id = classified(ward)
    place = f"/studies/{study_id}"
    bob, eve = reader(ward, tmp_path), reader(ward, tmp_path)
    for name, who in (("bob", bob), ("eve", eve)):
        who.headers["Cookie"] = cookie(ward.sessions, name=name, role=Role.READER)
    theirs = said(bob.get(place).text, "infarction")
    assert eve.post(f"{place}/reviews", said(eve.get(place).text) | {"once": theirs["once"]}).status_code == 303
    assert bob.post(f"{place}/reviews", theirs).status_code == 303
    with ward.sessions.read() as session:
        found = {review.reader: review.label for review in reviews.of_study(session, study_id)}
    assert found == {"bob": Label.INFARCTION, "eve": Label.NORMAL}


def test_nobody_thinks_again_without_end(ward, tmp_path, monkeypatch):
    monkeypatch.setattr("viewer.study_page._MOST_REVIEWS", 2)
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    form = said(pages_of.get(place).text)
    again = [form | {"once": str(uuid4())} for _ in range(3)]
    assert [pages_of.post(f"{place}/reviews", one).status_code for one in again] == [303, 303, 409]


def test_a_form_that_is_sent_twice_at_once_is_one_review_and_one_event(ward):
    study_id, form = classified(ward), uuid4()
    with ThreadPoolExecutor() as pool:
        with ward.sessions.write() as session:
            case = cases.latest(session, study_id)
            new = NewReview(form, "anna", "user:anna", Label.NORMAL, Confidence.LOW, Phi(""))
            assert reviews.add(session, case, new, now=ward.clock.now)
            second = pool.submit(another, ward, study_id, "anna", Label.NORMAL, form)
            assert not wait([second], 0.3).done  # the first one is not committed yet
        assert second.result(20) is False
    with pytest.raises(reviews.Overtaken):
        another(ward, study_id, "anna", Label.INFARCTION, form)
    with ward.sessions.read() as session:
        assert len(reviews.of_study(session, study_id)) == 1
        assert [e.action for e in audit.listed(session, study_id=study_id, since=None, limit=100)].count(
            AuditAction.REVIEW
        ) == 1


def test_a_review_that_cannot_be_saved_is_not_asked_for_again_by_itself(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    fields = said(pages_of.get(place).text)
    with no_audit_trail(ward.sessions.engine):
        refused, opened = pages_of.post(f"{place}/reviews", fields), pages_of.get(place)
    assert (refused.status_code, opened.status_code) == (503, 503)
    assert ('http-equiv="refresh"' in refused.text, 'http-equiv="refresh"' in opened.text) == (False, True)
    assert "may not have been saved" in refused.text
    assert "by itself" in opened.text
    assert pages_of.post(f"{place}/reviews", fields).status_code == 303
    assert "<strong>Normal</strong>, sure" in pages_of.get(place).text


def test_two_readers_who_differ_are_shown_as_such(ward, tmp_path):
    study_id = classified(ward)
    assert another(ward, study_id, "anna", Label.ISCHEMIA)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    assert "Agreed" in pages_of.get("/").text
    another(ward, study_id, "bert", Label.NORMAL)
    for page in (pages_of.get("/").text, pages_of.get(place).text):
        assert "Readers disagree" in page
    page = pages_of.get(place).text
    assert "anna" in page
    assert "bert" in page


def test_a_review_is_of_the_revision_that_was_read(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    form = said(pages_of.get(place).text)
    ward.prepared(ward.arrive("1.1.0", "second", who=JOAN), View.QPS, "another crop")
    answer = pages_of.post(f"{place}/reviews", form)
    assert answer.headers["location"] == f"{place}?revision=1#readers"
    assert "<strong>Normal</strong>, sure" in pages_of.get(f"{place}?revision=1").text
    assert "standing" not in pages_of.get("/").text.partition("<tbody>")[2]
    refused = pages_of.post(f"{place}/reviews", form | {"label": "infarction"})
    assert (refused.status_code, f'data-again="{place}?revision=1&amp;seen=' in refused.text) == (409, True)
    assert form_of(refused.text)["case"] == form["case"]


@pytest.mark.parametrize(
    "changed",
    [
        {"label": "healthy"},
        {"label": ""},
        {"confidence": "very"},
        {"once": "x"},
        {"case": "1"},
        {"case": str(uuid4())},
        {"case": ""},
    ],
)
def test_a_form_that_is_not_ours_adds_nothing(ward, tmp_path, changed):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    fields = said(pages_of.get(place).text) | changed
    assert pages_of.post(f"{place}/reviews", fields).status_code in {400, 404}
    assert pages_of.post(f"{place}/reviews", b"label=normal").status_code == 400
    assert pages_of.post(f"{place}/reviews", {"comment": "x" * 100_000}).status_code == 413
    assert pages_of.post(f"/studies/{uuid4()}/reviews", said(pages_of.get(place).text)).status_code == 404
    with ward.sessions.read() as session:
        assert reviews.of_study(session, study_id) == []


def test_nobody_changes_a_review(ward, tmp_path):
    another(ward, classified(ward), "anna", Label.NORMAL)
    engine = ward.sessions.engine
    table = "reviews" if engine.dialect.name == "sqlite" else "phi.reviews"
    with pytest.raises(DatabaseError), engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET label = 'infarction'"))


def test_a_comment_is_identified_text(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    pages_of.post(f"{place}/reviews", said(pages_of.get(place).text, comment="TESTPATIENT seen"))
    with ward.sessions.read() as session:
        (review,) = reviews.of_study(session, study_id)
        assert review.comment == Phi("TESTPATIENT seen")
        assert "TESTPATIENT" not in " ".join(
            e.detail for e in audit.listed(session, study_id=study_id, since=None, limit=100)
        )


def test_what_a_reader_said_before_stays_on_the_page_marked_as_replaced(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    for label, comment in (("normal", "at first sight"), ("ischemia", "on a second look"), ("infarction", "")):
        pages_of.post(f"{place}/reviews", said(pages_of.get(place).text, label, "low", comment))
        ward.clock.turn(60)
    another(ward, study_id, "bert", Label.NORMAL)
    page = pages_of.get(place).text
    readers = page[page.index('id="readers"') : page.index("Review again")]
    counted, _, before = readers.partition('<details class="earlier"')
    assert "2 earlier, replaced" in before
    assert ["on a second look" in counted, "at first sight" in counted] == [False, False]
    assert before.index("on a second look") < before.index("at first sight")
    assert before.count("<strong>Ischemia</strong>, not sure") == before.count("<strong>Normal</strong>, not sure") == 1
    assert readers.count("<details") == 1


def test_a_long_comment_is_whole_only_where_it_is_asked_for(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    comment = "apex " * 100 + "\n" * 20 + "end of it"
    pages_of.post(f"{place}/reviews", said(pages_of.get(place).text, comment=comment))
    page = pages_of.get(place).text
    start, _, whole = page.partition('<details class="whole"')
    assert "apex …</span>" in start
    assert "end of it" not in start
    assert "end of it</span></details>" in whole


@pytest.mark.parametrize("comment", ["short", "a\nb\nc\nd", "x" * 150])
def test_a_short_comment_is_shown_whole(comment):
    assert words.beginning(comment) == comment


def test_a_comment_that_is_too_long_is_refused_and_not_cut(ward, tmp_path):
    study_id = classified(ward)
    pages_of, place = reader(ward, tmp_path), f"/studies/{study_id}"
    form = said(pages_of.get(place).text, comment="ä" * (reviews.LONGEST_COMMENT + 1))
    refused = pages_of.post(f"{place}/reviews", form)
    assert (refused.status_code, "nothing of it is cut" in refused.text) == (422, True)
    fits = "\r\n" + "ä" * (reviews.LONGEST_COMMENT - 2) + "\r\nb\r\n"
    assert pages_of.post(f"{place}/reviews", form | {"comment": fits}).status_code == 303
    with ward.sessions.read() as session:
        (review,) = reviews.of_study(session, study_id)
    assert len(review.comment.reveal()) == reviews.LONGEST_COMMENT
