"""Results as people ask for them: one item a study, newest first, told from its rows."""

from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy.orm import Session
from ward import JANE, JOHN

from core.jobs import JobStage
from core.phi import Phi
from core.types import (
    REQUIRED_VIEWS,
    Confidence,
    Label,
    Probabilities,
    Stage,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from db import cases, jobs, reports, results, reviews, studies, worklist, worklist_table
from db.reports import NewReport
from db.reviews import NewReview
from db.tables import Case
from db.worklist import Filter

KEYS = [
    "study_id",
    "study_instance_uid",
    "patient_id",
    "accession_number",
    "state",
    "revision",
    "label",
    "status",
    "probabilities",
    "views",
    "model",
    "received_at",
    "completed_at",
    "reason",
    "reports",
    "standing",
    "reviews",
]


def items(ward, *, limit: int | None = None, **wanted) -> list[dict]:
    found = list(results.every(ward.sessions, Filter.of(**wanted), limit=limit))
    with ward.sessions.read() as session:
        assert results.listed(session, Filter.of(**wanted), limit=limit) == found
    return found


def classify(ward, study: str = "1.2.3", probabilities=(0.1, 0.7, 0.2), status: Status = Status.ACCEPTED) -> UUID:
    """The predictions of a study's newest case are written; its case id."""
    said = Probabilities(*probabilities)
    views = {v: ViewPrediction(v, said, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in REQUIRED_VIEWS}
    with ward.sessions.write() as session:
        case = cases.latest(session, studies.id_of(session, Phi(study)))
        prediction = StudyPrediction(said, status, views, latency_ms=30)
        cases.record(session, case, prediction, preprocessing="1", now=ward.clock.now)
        return case.id


def report(session: Session, case: Case, *, now) -> UUID:
    new = NewReport(uuid4(), case.study_id, case.id, "sc", Phi(f"2.25.{uuid4().int}"), Phi("2.25.1"), "x", "y")
    reports.add(session, new, now=now)
    case.stage, case.done_at = Stage.DONE, now
    return new.id


def reported(ward, case_id: UUID, *destinations: str) -> list[UUID]:
    """The case's report is made and to be delivered; the delivery jobs' ids."""
    now = ward.clock.now
    with ward.sessions.write() as session:
        report_id = report(session, session.get_one(Case, case_id), now=now)
        bells = [
            jobs.add(
                session,
                JobStage.DELIVER,
                subject=report_id,
                now=now,
                destination=name,
                ring_again=timedelta(seconds=5),
            )
            for name in destinations
        ]
    return [bell.job_id for bell in bells]


def complete(ward, study: str = "1.2.3", who=JANE) -> None:
    for view in REQUIRED_VIEWS:
        ward.screen(view, study=study, who=who)


def test_an_item_has_the_documented_keys_at_every_stage(ward):
    ward.arrive("1.1.0")
    assert list(items(ward)[0]) == KEYS
    ward.arrive("1.1.0", study="1.2.9")
    complete(ward, "1.2.8")
    classify(ward, "1.2.8")
    assert [list(item) for item in items(ward)] == [KEYS] * 3


def test_the_state_follows_the_studys_life(ward):
    seen = []

    def look() -> None:
        seen.append(items(ward)[0]["state"])

    first = ward.arrive("1.1.0")
    look()
    ward.prepared(first, View.QPS)
    look()
    ward.screen(View.STRESS_QGS)
    ward.screen(View.REST_QGS)
    look()
    case_id = classify(ward)
    look()
    reported(ward, case_id)
    look()
    assert seen == ["preparing", "receiving", "classifying", "reporting", "accepted"]


def test_a_result_names_its_probabilities_views_and_model(ward):
    complete(ward)
    reported(ward, classify(ward, status=Status.NEEDS_REVIEW))
    (item,) = items(ward)
    assert (item["patient_id"], item["accession_number"]) == (Phi("T-001"), Phi("A1"))
    assert (item["state"], item["label"], item["status"]) == ("needs_review", "ischemia", "needs_review")
    assert item["probabilities"] == pytest.approx({"normal": 0.1, "ischemia": 0.7, "infarction": 0.2})
    assert {view["view"]: view["sop_instance_uid"] for view in item["views"]} == {
        view.value: Phi(f"1.1.{number}") for number, view in enumerate(REQUIRED_VIEWS)
    }
    assert item["model"] == {"name": "toy", "version": "1", "sha256": "a" * 64}
    assert item["completed_at"] == ward.clock.now.isoformat()


def test_a_study_without_a_result_says_why(ward, clock):
    ward.screen(View.QPS)
    clock.turn(30)
    ward.tick()
    (item,) = items(ward)
    assert (item["state"], item["label"], item["probabilities"]) == ("no_result", None, None)
    assert item["reason"] == "incomplete (missing: Stress QGS, Rest QGS)"


def test_only_the_newest_revision_counts(ward):
    complete(ward)
    classify(ward)
    ward.prepared(ward.arrive("1.1.0", "second"), View.QPS, "another crop")
    (item,) = items(ward)
    assert (item["revision"], item["label"], item["state"]) == (2, None, "classifying")


def test_every_delivery_is_listed_with_its_state(ward):
    complete(ward)
    sent, _waiting, failed = reported(ward, classify(ward), "archive", "pacs", "research")
    now = ward.clock.now
    with ward.sessions.write() as session:
        claimed = jobs.claim(session, sent, now=now, lease=timedelta(seconds=30))
        jobs.finish(session, claimed, now=now)
        claimed = jobs.claim(session, failed, now=now, lease=timedelta(seconds=30))
        jobs.bury(session, claimed, now=now, error="peer_away")
    (item,) = items(ward)
    states = {one["destination"]: one["state"] for one in item["reports"]}
    assert states == {"archive": "sent", "pacs": "waiting", "research": "failed"}


def test_a_report_that_goes_nowhere_says_so(ward):
    complete(ward)
    reported(ward, classify(ward))
    (report,) = items(ward)[0]["reports"]
    assert (report["kind"], report["destination"], report["state"]) == ("sc", None, "no_destination")


def test_lists_are_newest_first_and_can_be_narrowed(ward, clock):
    began = clock.now
    for number, (who, probabilities) in enumerate([(JANE, (0.8, 0.1, 0.1)), (JOHN, (0.1, 0.8, 0.1))]):
        complete(ward, f"1.2.{number}", who)
        reported(ward, classify(ward, f"1.2.{number}", probabilities))
        clock.turn(60)
    assert [item["study_instance_uid"].reveal() for item in items(ward)] == ["1.2.1", "1.2.0"]
    assert [item["patient_id"].reveal() for item in items(ward, labels=[Label.NORMAL])] == ["T-001"]
    assert [item["patient_id"].reveal() for item in items(ward, since=began + timedelta(seconds=1))] == ["T-002"]
    assert len(items(ward, limit=1)) == 1
    assert items(ward, labels=[Label.INFARCTION]) == []


def test_more_studies_than_one_query_may_name_are_joined_all_the_same(ward, monkeypatch):
    monkeypatch.setattr(results, "_CHUNK", 2)
    for number in range(5):
        complete(ward, f"1.2.{number}")
        classify(ward, f"1.2.{number}")
    assert [len(item["views"]) for item in items(ward)] == [3] * 5
    assert all(view["sop_instance_uid"] and view["label"] for item in items(ward) for view in item["views"])


def test_studies_are_found_by_the_beginning_of_their_key_or_by_their_uid(ward):
    complete(ward)
    ward.arrive("1.1.0", study="1.2.9")
    with ward.sessions.read() as session:
        known = studies.id_of(session, Phi("1.2.3"))
        assert results.find(session, "1.2.3") == [known]
        assert results.find(session, str(known)[:13].upper()) == [known]
        assert results.find(session, str(known)) == [known]
        assert results.find(session, "") == []
        assert results.find(session, "no such") == []


def said_by(ward, case_id: UUID, reader: str, label: Label) -> None:
    with ward.sessions.write() as session:
        new = NewReview(uuid4(), reader, f"user:{reader}", label, Confidence.LOW, Phi("TESTPATIENT moved"))
        reviews.add(session, session.get_one(Case, case_id), new, now=ward.clock.now)
    ward.clock.turn(1)


def test_reviews_are_told_with_who_when_what_and_how_sure_and_without_the_comment(ward):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    case_id = classify(ward)
    assert [(item["standing"], item["reviews"]) for item in items(ward)] == [(None, [])]
    at = ward.clock.now.isoformat()
    said_by(ward, case_id, "ann", Label.NORMAL)
    (item,) = items(ward)
    assert item["reviews"] == [{"reader": "ann", "label": "normal", "confidence": "low", "at": at}]
    assert item["standing"] == "differs"
    said_by(ward, case_id, "bob", Label.ISCHEMIA)
    said_by(ward, case_id, "ann", Label.ISCHEMIA)
    (item,) = items(ward)
    assert item["standing"] == "agreed"
    assert [(one["reader"], one["label"]) for one in item["reviews"]] == [("ann", "ischemia"), ("bob", "ischemia")]
    assert "moved" not in str(item)


def test_a_csv_file_counts_readers_and_names_none(ward):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    case_id = classify(ward)
    tells = []
    for reader, label in ((None, None), ("ann", Label.NORMAL), ("bob", Label.INFARCTION), ("ann", Label.INFARCTION)):
        if reader:
            said_by(ward, case_id, reader, label)
        (row,) = worklist.every(ward.sessions, Filter())
        tells.append(worklist_table.cells(row)[-3:])
    assert tells == [
        (None, None, None),
        (1, "differs", "normal"),
        (2, "disputed", None),
        (2, "differs", "infarction"),
    ]
    assert worklist_table.COLUMNS[-3:] == ("readers", "readers_standing", "readers_label")
