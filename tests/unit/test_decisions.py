"""What an administrator decides of things in quarantine, and what it makes of their studies."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from harness import until
from sqlalchemy import event, select, text
from ward import JANE, JOHN, POLICY, Clock, Ward, named

from core import SELF_TEST_AE
from core.errors import PerfuscopeError
from core.jobs import JobStage, JobState
from core.types import REQUIRED_VIEWS, AuditAction, Decision, InstanceState, Outcome, Reason, Stage, View
from db import quarantine, studies
from db.cursor import Cursor
from db.tables import AuditEvent, Instance, Job
from dicom_node import decisions, layout_decisions, layouts

QPS, STRESS, REST = REQUIRED_VIEWS
WHO = "os:tester"


def complete(ward: Ward) -> None:
    for view in REQUIRED_VIEWS:
        ward.screen(view)


def settled(ward: Ward) -> None:
    ward.clock.turn(30)
    ward.tick()


def instance(ward: Ward, key: UUID) -> Instance:
    with ward.sessions.read() as session:
        return session.get_one(Instance, key)


def waiting(ward: Ward) -> list[UUID]:
    with ward.sessions.read() as session:
        found, after = [], None
        while page := quarantine.items(session, after=after, limit=1):
            found += page
            after = Cursor.parse(str(page[-1].place))
        assert found == quarantine.items(session)
        assert quarantine.count(session) == len(found)
        return [item.key for item in found]


def decide(ward: Ward, decision, key: UUID, **more) -> None:
    with ward.sessions.write() as session:
        decision(session, key, actor=WHO, now=ward.clock.now, **more)


def actions(ward: Ward) -> list[AuditAction]:
    with ward.sessions.read() as session:
        return [a for a in session.scalars(select(AuditEvent.action)) if a is not AuditAction.RESULT]


def kept_back(ward: Ward) -> UUID:
    """A study without its rest screen, which lies in quarantine."""
    ward.screen(QPS)
    ward.screen(STRESS)
    lost = ward.arrive("1.1.2")
    ward.quarantined(lost)
    settled(ward)
    return lost


def test_an_object_waits_until_somebody_decides(ward: Ward) -> None:
    lost = kept_back(ward)
    assert waiting(ward) == [lost]
    assert ward.live().reason is Reason.INCOMPLETE


def test_a_released_object_is_prepared_again_and_completes_its_study(ward: Ward) -> None:
    lost = kept_back(ward)
    decide(ward, decisions.release_object, lost)
    (job,) = [j for j in ward.jobs(JobStage.PREPARE) if j.subject == lost]
    assert (job.state, job.ring_at) == (JobState.WAITING, ward.clock.now)
    assert waiting(ward) == []
    ward.prepared(lost, REST)
    assert (ward.live().revision, ward.live().stage) == (2, Stage.CLASSIFYING)
    assert actions(ward) == [AuditAction.RELEASE]


def test_an_object_that_is_known_no_better_waits_again(ward: Ward) -> None:
    lost = kept_back(ward)
    decide(ward, decisions.release_object, lost)
    ward.quarantined(lost, Reason.UNKNOWN_LAYOUT)
    assert waiting(ward) == [lost]
    assert instance(ward, lost).decision is None
    assert ward.live().revision == 1


def test_only_what_is_in_quarantine_can_be_released(ward: Ward) -> None:
    good = ward.screen(QPS)
    with pytest.raises(PerfuscopeError, match="not in quarantine"):
        decide(ward, decisions.release_object, good)
    with pytest.raises(PerfuscopeError, match="neither that object nor its study"):
        decide(ward, decisions.reject, good, policy=POLICY)


def test_a_rejected_object_waits_no_more_and_never_counts(ward: Ward) -> None:
    lost = ward.arrive("1.1.0")
    ward.quarantined(lost)
    settled(ward)
    assert ward.live().outcome is Outcome.QUARANTINED
    decide(ward, decisions.reject, lost, policy=POLICY)
    assert waiting(ward) == []
    settled(ward)
    assert (ward.live().outcome, ward.live().reason) == (Outcome.NO_RESULT, Reason.NO_SCREENS)
    assert instance(ward, lost).decision is Decision.REJECTED
    assert actions(ward) == [AuditAction.REJECT]


def test_of_two_who_decide_the_first_one_has(ward: Ward) -> None:
    lost = kept_back(ward)
    decide(ward, decisions.reject, lost, policy=POLICY)
    for again, more in ((decisions.release_object, {}), (decisions.reject, {"policy": POLICY})):
        with pytest.raises(PerfuscopeError, match="was rejected before"):
            decide(ward, again, lost, **more)
    assert instance(ward, lost).state is InstanceState.QUARANTINED
    assert actions(ward) == [AuditAction.REJECT]


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("second", ["release", "reject", "layout"])
def test_who_decides_while_another_one_does_waits_and_is_too_late(ward: Ward, second: str) -> None:
    lost = ward.arrive("1.1.2")
    ward.quarantined(lost, Reason.UNKNOWN_LAYOUT)
    now = ward.clock.now

    def late() -> int:
        with ward.sessions.write() as session:
            if second == "release":
                decisions.release_object(session, lost, actor=WHO, now=now)
            elif second == "reject":
                decisions.reject(session, lost, actor=WHO, now=now, policy=POLICY)
            else:
                return layout_decisions.drawn(session, layouts.shipped()[0], subject=None, actor=WHO, now=now)
        return 1

    with ThreadPoolExecutor(1) as pool:
        with ward.sessions.write() as session:
            decisions.reject(session, lost, actor=WHO, now=now, policy=POLICY)
            asked = pool.submit(late)
            until(lambda: waits_for_a_lock(ward), 20, "the second one waits")
        if second == "layout":
            assert asked.result(20) == 0
        else:
            with pytest.raises(PerfuscopeError, match="was rejected before"):
                asked.result(20)
    found = instance(ward, lost)
    assert (found.state, found.decision) == (InstanceState.QUARANTINED, Decision.REJECTED)
    assert actions(ward).count(AuditAction.REJECT) == 1


def waits_for_a_lock(ward: Ward) -> bool:
    waiting_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ward.sessions.read() as session:
        return bool(session.scalar(text(waiting_ones)))


def test_a_decision_about_a_layout_takes_as_many_statements_for_many_screens_as_for_few(ward: Ward) -> None:
    asked = []

    def prepared_again(screens: int) -> int:
        for number in range(screens):
            ward.quarantined(ward.arrive(f"1.1.{number}", study=f"1.2.{screens}.{number // 3}"), Reason.UNKNOWN_LAYOUT)
        asked.clear()
        with ward.sessions.write() as session:
            layout = layouts.shipped()[0]
            assert layout_decisions.drawn(session, layout, subject=None, actor=WHO, now=ward.clock.now) == screens
        with ward.sessions.read() as session:
            again = select(Job.state).join(Instance, Job.subject == Instance.id).where(Job.stage == JobStage.PREPARE)
            assert set(session.scalars(again)) == {JobState.WAITING}
        return len(asked)

    event.listen(ward.sessions.engine, "before_cursor_execute", lambda *_: asked.append(1))
    assert prepared_again(3) == prepared_again(60)


def test_without_the_strangers_object_the_study_is_the_patients_again(ward: Ward) -> None:
    complete(ward)
    stranger = ward.arrive("1.9", screen=False, who=JOHN)
    settled(ward)
    assert ward.live().reason is Reason.PATIENTS_DIFFER
    assert ward.study().patient_id == JOHN.patient_id
    assert waiting(ward) == [ward.study().id]
    decide(ward, decisions.reject, stranger, policy=POLICY)
    assert waiting(ward) == []
    assert (ward.live().stage, ward.live().outcome) == (Stage.CLASSIFYING, None)
    assert (ward.study().patient_id, ward.study().patient_name) == (JANE.patient_id, JANE.patient_name)


def test_identities_declared_to_be_one_patient_no_longer_stop_a_study(ward: Ward) -> None:
    complete(ward)
    ward.arrive("1.9", screen=False, who=JOHN)
    settled(ward)
    decide(ward, decisions.release_study, ward.study().id, policy=POLICY)
    assert (ward.live().stage, ward.live().outcome) == (Stage.CLASSIFYING, None)
    assert waiting(ward) == []
    ward.arrive("1.8", screen=False, who=JANE)
    ward.arrive("1.7", screen=False, who=JOHN)
    settled(ward)
    assert ward.live().outcome is None


def test_a_further_identity_stops_the_study_again(ward: Ward) -> None:
    complete(ward)
    ward.arrive("1.9", screen=False, who=JOHN)
    settled(ward)
    decide(ward, decisions.release_study, ward.study().id, policy=POLICY)
    ward.arrive("1.8", screen=False, who=named("T-003", "TESTPATIENT^JOAN", "", "", ""))
    settled(ward)
    assert ward.live().reason is Reason.PATIENTS_DIFFER


def test_a_study_that_waits_for_something_else_is_not_released_whole(ward: Ward) -> None:
    kept_back(ward)
    with pytest.raises(PerfuscopeError, match="release its objects"):
        decide(ward, decisions.release_study, ward.study().id, policy=POLICY)


def test_classifying_again_opens_a_revision_although_nothing_changed(ward: Ward) -> None:
    complete(ward)
    settled(ward)
    before = ward.live()
    decide(ward, decisions.classify_again, ward.study().id, policy=POLICY)
    assert (ward.live().revision, ward.live().fingerprint) == (before.revision + 1, before.fingerprint)
    assert [j.subject for j in ward.jobs(JobStage.CLASSIFY)][-1] == ward.live().id
    assert actions(ward) == [AuditAction.REQUEUE]


def test_classifying_again_uses_the_model_that_is_active_now(ward: Ward) -> None:
    complete(ward)
    settled(ward)
    ward.activate("b" * 64)
    decide(ward, decisions.classify_again, ward.study().id, policy=POLICY)
    first, second = ward.revisions()
    assert first.model_version_id != second.model_version_id


def test_classifying_again_cannot_help_where_a_view_is_missing(ward: Ward) -> None:
    kept_back(ward)
    with pytest.raises(PerfuscopeError, match="missing: Rest QGS"):
        decide(ward, decisions.classify_again, ward.study().id, policy=POLICY)
    assert len(ward.revisions()) == 1
    assert actions(ward) == []


def test_two_views_with_the_same_maps_are_not_classified_on_demand_either(ward: Ward) -> None:
    for number, view in enumerate(REQUIRED_VIEWS):
        ward.prepared(ward.arrive(f"1.1.{number}"), view, "one map for all")
    settled(ward)
    with pytest.raises(PerfuscopeError, match="two views show the same maps"):
        decide(ward, decisions.classify_again, ward.study().id, policy=POLICY)
    assert ward.live().outcome is Outcome.NO_RESULT


def test_what_could_not_be_reported_is_not_classified_again(ward: Ward) -> None:
    complete(ward)
    settled(ward)
    with ward.sessions.write() as session:
        for row in session.scalars(select(Instance)):
            row.purged_at = ward.clock.now
    with pytest.raises(PerfuscopeError, match="could not be reported"):
        decide(ward, decisions.classify_again, ward.study().id, policy=POLICY)
    assert ward.live().revision == 1


def test_preparing_again_with_the_same_crops_opens_no_revision(ward: Ward) -> None:
    complete(ward)
    settled(ward)
    decide(ward, decisions.prepare_again, ward.study().id)
    with ward.sessions.read() as session:
        again = session.scalars(
            select(Job.subject).where(Job.stage == JobStage.PREPARE, Job.state == JobState.WAITING)
        ).all()
        views = {key: session.get_one(Instance, key).view for key in again}
    assert len(views) == 3
    assert {instance(ward, key).state for key in views} == {InstanceState.RECEIVED}
    for key, view in views.items():
        ward.prepared(key, View(view))
    settled(ward)
    assert ward.live().revision == 1


def test_preparing_again_with_another_crop_opens_one_and_the_older_stays_whole(ward: Ward) -> None:
    complete(ward)
    settled(ward)
    before = ward.live()
    decide(ward, decisions.prepare_again, ward.study().id)
    with ward.sessions.read() as session:
        keys = {i.view: i.id for i in session.scalars(select(Instance))}
    for view, key in keys.items():
        ward.prepared(key, view, "cut otherwise" if view is QPS else None)
    settled(ward)
    assert ward.live().revision == 2
    kept = {item["view_image_id"] for item in before.inputs} & {item["view_image_id"] for item in ward.live().inputs}
    assert len(kept) == 2


def test_a_self_tests_title_keeps_no_report_from_who_sent_the_study(ward: Ward) -> None:
    def came_by() -> str:
        with ward.sessions.read() as session:
            return studies.sender(session, ward.study().id)

    ward.arrive("1.1.0", sender_ae=SELF_TEST_AE)
    assert came_by() == SELF_TEST_AE
    ward.arrive("1.1.1", sender_ae="TESTPACS")
    assert came_by() == "TESTPACS"


def test_what_retention_deleted_is_not_prepared_again(ward: Ward, clock: Clock) -> None:
    lost = kept_back(ward)
    with ward.sessions.write() as session:
        session.get_one(Instance, lost).purged_at = clock.now
    with pytest.raises(PerfuscopeError, match="retention has deleted"):
        decide(ward, decisions.release_object, lost)


def test_nothing_left_to_prepare_again_is_said(ward: Ward, clock: Clock) -> None:
    complete(ward)
    with ward.sessions.write() as session:
        for row in session.scalars(select(Instance)):
            row.purged_at = clock.now
    with pytest.raises(PerfuscopeError, match="retention has deleted"):
        decide(ward, decisions.prepare_again, ward.study().id)
