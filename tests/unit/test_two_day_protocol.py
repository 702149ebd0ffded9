"""A two-day protocol: stress on one day, rest and the comparison of both on the next."""

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from core.jobs import JobStage
from core.types import REQUIRED_VIEWS, Outcome, Probabilities, Reason, Status, StudyPrediction, View, ViewPrediction
from db import cases

DAY_S = timedelta(days=1).total_seconds()
QUIET_S = 31


def classify(ward) -> None:
    """The newest revision gets an answer."""
    said = Probabilities(0.1, 0.7, 0.2)
    views = {v: ViewPrediction(v, said, (0.0, 0.0, 0.0), np.zeros((7, 7, 3), np.float32)) for v in REQUIRED_VIEWS}
    with ward.sessions.write() as session:
        case = cases.latest(session, ward.study().id)
        prediction = StudyPrediction(said, Status.ACCEPTED, views, latency_ms=30)
        cases.record(session, case, prediction, preprocessing="1", now=ward.clock.now)


@pytest.mark.parametrize(
    "first", [{View.STRESS_QGS}, {View.STRESS_QGS, View.QPS}], ids=["stress QGS", "stress QGS and a QPS"]
)
def test_day_one_has_no_result_and_day_two_a_revision_with_one(first: set[View], ward, clock) -> None:
    for view in first:
        ward.screen(view)
    clock.turn(QUIET_S)
    ward.tick()
    case = ward.live()
    assert (case.revision, case.outcome, case.reason) == (1, Outcome.NO_RESULT, Reason.INCOMPLETE)
    assert View.REST_QGS.caption in case.detail
    assert not ward.jobs(JobStage.CLASSIFY) + ward.jobs(JobStage.REPORT)

    clock.turn(DAY_S)
    association: set[UUID] = set()
    for number, view in enumerate([View.REST_QGS, View.QPS]):  # the second day's QPS shows stress and rest
        screen = ward.arrive(f"1.2.{number}", association=association)
        ward.prepared(screen, view, f"second day's {view.value}", acquired="20260103080000")
    ward.end(association)
    ward.tick()
    classify(ward)
    before, after = ward.revisions()
    assert (before.revision, before.superseded_at is not None, before.label) == (1, True, None)
    assert (after.revision, after.outcome, after.superseded_at) == (2, Outcome.ACCEPTED, None)
    assert [job.subject for job in ward.jobs(JobStage.CLASSIFY)] == [after.id]
    qps = next(item for item in after.inputs if item["view"] == View.QPS.value)
    assert qps["sha256"] == "second day's qps"
