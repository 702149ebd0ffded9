"""The admins' views say what ``perfuscope results`` says, on both databases; audit events are only ever added."""

from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.jobs import JobStage
from core.phi import Phi
from core.types import (
    REQUIRED_VIEWS,
    AuditAction,
    Confidence,
    Label,
    Probabilities,
    Stage,
    State,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from db import audit, cases, jobs, reports, results, reviews, worklist
from db.reports import NewReport
from db.reviews import NewReview
from db.worklist import Filter

SAID = Probabilities(0.1, 0.7, 0.2)


def view(ward, name: str) -> list[dict]:
    with ward.sessions.read() as session:
        return [dict(row) for row in session.execute(text(f"SELECT * FROM {name}")).mappings()]


def classify(ward, *, seconds: float, destination: str | None = None) -> None:
    """The live case gets a result, a report and an end so many seconds later."""
    views = {v: ViewPrediction(v, SAID, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in REQUIRED_VIEWS}
    ward.clock.turn(seconds)
    with ward.sessions.write() as session:
        case = cases.live(session, ward.live().id)
        prediction = StudyPrediction(SAID, Status.ACCEPTED, views, latency_ms=30)
        cases.record(session, case, prediction, preprocessing="1", now=ward.clock.now)
        case.stage, case.done_at = Stage.DONE, ward.clock.now
        new = NewReport(uuid4(), case.study_id, case.id, "sc", Phi("2.25.2"), Phi("2.25.1"), "x", "y")
        reports.add(session, new, now=ward.clock.now)
        if destination is not None:
            session.flush()
            jobs.add(
                session,
                JobStage.DELIVER,
                subject=new.id,
                now=ward.clock.now,
                destination=destination,
                ring_again=timedelta(seconds=5),
            )


def agree(ward) -> None:
    """The one study, told by the view and by ``results``."""
    (row,) = view(ward, "v_results")
    with ward.sessions.read() as session:
        (item,) = results.listed(session, Filter())
    for key in ("study_instance_uid", "patient_id", "accession_number"):
        assert row[key] == item[key].reveal(), key
    for key in ("state", "revision", "label", "status"):
        assert row[key] == item[key], key
    assert str(row["study_id"]).replace("-", "") == item["study_id"].replace("-", "")
    chances = {name: row[f"p_{name}"] for name in ("normal", "ischemia", "infarction")}
    assert chances == (item["probabilities"] or dict.fromkeys(chances))
    model = item["model"] or dict.fromkeys(("name", "version", "sha256"))
    assert {name: row[f"model_{name}"] for name in model} == model
    read_by = {reader["reader"] for reader in item["reviews"]}
    assert (row["readers"], row["readers_standing"]) == (len(read_by) or None, item["standing"])
    assert row["report_state"] == (item["reports"][0]["state"] if item["reports"] else None)


def test_the_results_view_follows_a_study_through_its_life(ward) -> None:
    instance = ward.arrive("1.1.0")
    agree(ward)  # preparing
    ward.prepared(instance, REQUIRED_VIEWS[0])
    agree(ward)  # receiving
    for one in REQUIRED_VIEWS[1:]:
        ward.screen(one)
    agree(ward)  # classifying
    classify(ward, seconds=2, destination="pacs")
    agree(ward)  # done, its report waits


def test_a_report_without_a_destination_is_called_that(ward) -> None:
    for one in REQUIRED_VIEWS:
        ward.screen(one)
    classify(ward, seconds=2)
    agree(ward)


def test_the_results_view_counts_readers_by_their_newest_review(ward) -> None:
    for one in REQUIRED_VIEWS:
        ward.screen(one)
    classify(ward, seconds=2)
    told = []
    for reader, label in (("ann", "normal"), ("bob", "ischemia"), ("ann", "ischemia"), ("bob", "ischemia")):
        new = NewReview(uuid4(), reader, f"user:{reader}", Label(label), Confidence.LOW, Phi(""))
        ward.clock.turn(1)
        with ward.sessions.write() as session:
            reviews.add(session, cases.live(session, ward.live().id), new, now=ward.clock.now)
        agree(ward)
        (row,) = view(ward, "v_results")
        told.append((row["readers"], row["readers_standing"], row["readers_label"]))
    assert told == [
        (1, "differs", "normal"),
        (2, "disputed", None),
        (2, "agreed", "ischemia"),
        (2, "agreed", "ischemia"),
    ]


def test_the_daily_view_counts_by_day_state_and_label_and_knows_the_median(ward) -> None:
    for number, seconds in enumerate((1, 2, 30)):
        for one in REQUIRED_VIEWS:
            instance = ward.arrive(f"1.{number}.{list(REQUIRED_VIEWS).index(one)}", study=f"1.2.{number}")
            ward.prepared(instance, one)
        _classify_all_open(ward, seconds)
    ward.arrive("1.9.1", study="1.2.9")
    found = {(str(r["day"]), r["state"], r["label"]): r for r in view(ward, "v_daily")}
    done = found["2026-01-02", "accepted", "ischemia"]
    assert (done["studies"], done["median_s"]) == (3, pytest.approx(2, abs=0.01))
    assert (found["2026-01-02", "preparing", None]["studies"], len(found)) == (1, 2)
    assert found["2026-01-02", "preparing", None]["median_s"] is None


def _classify_all_open(ward, seconds: float) -> None:
    ward.clock.turn(seconds)
    with ward.sessions.write() as session:
        found = session.execute(text("SELECT study_id FROM v_results WHERE state = 'classifying'")).scalars().all()
        assert len(found) == 1
        key = found[0] if not isinstance(found[0], str) else UUID(found[0])
        case = cases.latest(session, key)
        prediction = StudyPrediction(SAID, Status.ACCEPTED, {}, latency_ms=30)
        cases.record(session, case, prediction, preprocessing="1", now=ward.clock.now)
        case.stage, case.done_at = Stage.DONE, ward.clock.now


@pytest.mark.parametrize("statement", ["UPDATE {} SET actor = 'somebody else'", "DELETE FROM {}"])
def test_an_audit_event_is_neither_changed_nor_deleted(ward, statement: str) -> None:
    with ward.sessions.write() as session:
        audit.record(session, AuditAction.START, actor="node", now=ward.clock.now)
    table = "phi.audit_events" if ward.sessions.engine.dialect.name == "postgresql" else "audit_events"
    with pytest.raises(DBAPIError, match="only ever added"), ward.sessions.write() as session:
        session.execute(text(statement.format(table)))
    with ward.sessions.read() as session:
        assert [event.actor for event in audit.listed(session, study_id=None, since=None, limit=9)] == ["node"]


def test_content_that_was_replaced_before_it_was_prepared_keeps_no_study_waiting(ward):
    ward.arrive("1.1.1", "first")
    ward.prepared(ward.arrive("1.1.1", "second"), View.QPS)
    assert [row["state"] for row in view(ward, "v_results")] == ["receiving"]
    with ward.sessions.read() as session:
        for state in (State.RECEIVING, State.PREPARING):
            told = [item["state"] for item in results.listed(session, Filter.of(states=[state]))]
            assert told == [row.state.value for row in worklist.page(session, Filter.of(states=[state])).rows]
            assert told == (["receiving"] if state is State.RECEIVING else [])
