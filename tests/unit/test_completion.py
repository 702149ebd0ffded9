"""When a study is complete, what it amounts to, and what opens another revision of it."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from harness import Background
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sizes import size
from sqlalchemy import select
from ward import JANE, JOHN, POLICY, Clock, Ward

from core.jobs import JobStage, JobState
from core.phi import Phi
from core.types import REQUIRED_VIEWS, InstanceState, Label, Outcome, Reason, Stage, View
from db import jobs, reports
from db.reports import NewReport
from db.tables import Case, Instance, Job
from dicom_node import completion
from dicom_node.verdict import judge

QPS, STRESS, REST = REQUIRED_VIEWS
_PHI = ("patient_id", "patient_name", "patient_birth_date", "acquired_at")


def instance(view: View | None = None, state: InstanceState = InstanceState.PREPARED, **columns) -> Instance:
    who = {"patient_id": "T-001", "patient_name": "TESTPATIENT^JANE", "patient_birth_date": "19500101"}
    texts = {
        name: None if text is None else Phi(text)
        for name, text in ({"acquired_at": "2026"} | who | columns).items()
        if name in _PHI
    }
    return Instance(**({"view": view, "state": state, "rule_rank": 0} | columns | texts))


def complete() -> list[Instance]:
    return [instance(view) for view in REQUIRED_VIEWS]


# What a study's objects amount to


def test_three_views_can_be_classified():
    screens = complete()
    verdict = judge([*screens, instance(state=InstanceState.LISTED)])
    assert verdict.outcome is None
    assert verdict.chosen == tuple(screens)


@pytest.mark.parametrize("view", REQUIRED_VIEWS)
def test_a_missing_view_is_named(view):
    verdict = judge([instance(v) for v in REQUIRED_VIEWS if v is not view])
    assert (verdict.outcome, verdict.reason) == (Outcome.NO_RESULT, Reason.INCOMPLETE)
    assert verdict.detail == f"missing: {view.caption}"
    assert len(verdict.chosen) == 2


@pytest.mark.parametrize("objects", [[], [instance(state=InstanceState.LISTED)]])
def test_nothing_but_raw_data_has_no_screens(objects):
    verdict = judge(objects)
    assert (verdict.outcome, verdict.reason) == (Outcome.NO_RESULT, Reason.NO_SCREENS)


def test_with_every_screen_in_quarantine_the_study_is_too_and_says_why():
    objects = [instance(state=InstanceState.QUARANTINED, reason=Reason.VIEW_MISMATCH)] * 2
    verdict = judge([*objects, instance(state=InstanceState.LISTED)])
    assert (verdict.outcome, verdict.reason) == (Outcome.QUARANTINED, Reason.VIEW_MISMATCH)
    assert verdict.detail == "2 in quarantine"


def test_the_reason_of_a_quarantine_does_not_hang_on_the_order_of_arrival():
    objects = [instance(state=InstanceState.QUARANTINED, reason=r) for r in (Reason.UNDECODABLE, Reason.WRONG_SIZE)]
    assert judge(objects) == judge(objects[::-1])


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "T-002"},
        {"patient_name": "TESTPATIENT^JOHN"},
        {"patient_name": "TESTPATIENT^JANE^M"},
        {"patient_birth_date": "19500102"},
    ],
)
def test_two_patients_in_one_study_are_quarantined(other):
    verdict = judge([*complete(), instance(state=InstanceState.LISTED, **other)])
    assert (verdict.outcome, verdict.reason) == (Outcome.QUARANTINED, Reason.PATIENTS_DIFFER)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ("TESTPATIENT^JANE", "Testpatient^Jane^^^"),
        ("TESTPATIENT^JANE", " TESTPATIENT ^ JANE "),
        ("TESTPATIENT^JANE ANN", "TESTPATIENT^JANE  ANN"),
        ("TESTPATIENT^JANE", "TESTPATIENT^JANE=試験^患者"),
        ("TESTPATIENT^JANE==", "TESTPATIENT^JANE"),
        ("M\u00dcSTERFRAU^ERIKA", "Mu\u0308sterfrau^Erika"),
        ("TESTPATIENT^JANE", "\uff34\uff25\uff33\uff34PATIENT^JANE"),  # full-width letters
    ],
)
def test_spelling_variants_of_one_name_are_no_difference(mine, other):
    objects = [instance(view, patient_name=mine) for view in REQUIRED_VIEWS]
    assert judge([*objects, instance(state=InstanceState.LISTED, patient_name=other)]).outcome is None


def test_the_same_romanised_name_with_other_ideographs_is_another_patient():
    objects = [
        instance(view, patient_name=f"TESTPATIENT^JANE={group}") for view, group in zip(View, "甲乙甲", strict=True)
    ]
    assert judge(objects).reason is Reason.PATIENTS_DIFFER


@pytest.mark.parametrize("field", ["patient_id", "patient_name", "patient_birth_date"])
def test_an_empty_field_names_nobody(field):
    assert judge([*complete(), instance(state=InstanceState.LISTED, **{field: ""})]).outcome is None


def test_ways_to_write_one_birth_date_are_no_difference():
    assert judge([*complete(), instance(state=InstanceState.LISTED, patient_birth_date="1950.01.01")]).outcome is None


def test_of_several_candidates_the_first_rule_decides_then_the_newest_acquisition():
    early, late = instance(QPS, acquired_at="20260102080000"), instance(QPS, acquired_at="20260102090000")
    second_rule = instance(QPS, acquired_at="20260102100000", rule_rank=1)
    undated = instance(QPS, acquired_at=None)
    rest = [instance(STRESS), instance(REST)]
    for order in ([early, late, second_rule, undated], [undated, second_rule, late, early]):
        assert judge([*order, *rest]).chosen[0] is late


def test_equal_candidates_are_ambiguous_and_the_view_is_named():
    verdict = judge([*complete(), instance(STRESS)])
    assert (verdict.outcome, verdict.reason) == (Outcome.NO_RESULT, Reason.AMBIGUOUS)
    assert verdict.detail == STRESS.caption


# When it is time


def test_a_study_is_classified_the_moment_its_last_view_is_prepared(ward):
    ward.screen(QPS)
    ward.screen(REST)
    assert ward.revisions() == []
    last = ward.arrive("1.1.1")
    assert ward.jobs(JobStage.CLASSIFY) == []
    ward.prepared(last, STRESS)
    case = ward.live()
    assert (case.stage, case.outcome) == (Stage.CLASSIFYING, None)
    (job,) = ward.jobs(JobStage.CLASSIFY)
    assert job.subject == case.id
    assert [bell.job_id for bell in ward.rung] == [job.id]
    assert ward.study().waiting_since is None


def test_an_open_association_is_waited_for_by_a_second_at_most(ward, clock):
    association = set()
    for view in REQUIRED_VIEWS:
        ward.screen(view, association=association)
    clock.turn(0.99)
    ward.tick()
    assert ward.revisions() == []
    clock.turn(0.01)
    ward.tick()
    assert ward.live().stage is Stage.CLASSIFYING


def test_the_end_of_the_association_ends_the_wait(ward):
    association = set()
    for view in REQUIRED_VIEWS:
        ward.screen(view, association=association)
    ward.end(association)
    ward.tick()
    assert ward.live().stage is Stage.CLASSIFYING


def test_the_last_of_several_associations_ends_the_wait(ward):
    first, second = set(), set()
    ward.screen(QPS, association=first)
    ward.screen(STRESS, association=second)
    ward.screen(REST, association=second)
    ward.end(first)
    ward.tick()
    assert ward.revisions() == []
    ward.end(second)
    ward.tick()
    assert ward.live().stage is Stage.CLASSIFYING


def test_an_incomplete_study_ends_after_the_quiet_period_with_the_view_named(ward, clock):
    ward.screen(QPS)
    clock.turn(20)
    ward.screen(STRESS)
    clock.turn(29.9)
    ward.tick()
    assert ward.revisions() == []
    clock.turn(0.1)
    ward.tick()
    case = ward.live()
    assert (case.stage, case.outcome, case.reason) == (Stage.DONE, Outcome.NO_RESULT, Reason.INCOMPLETE)
    assert case.detail == "missing: Rest QGS"
    assert case.done_at == clock.now
    assert ward.jobs(JobStage.REPORT) == []


def test_a_page_for_an_incomplete_study_is_made_where_the_settings_ask_for_it(sessions_by_clock, clock):
    ward = Ward(sessions_by_clock, clock, replace(POLICY, report_no_result=True))
    ward.activate()
    ward.screen(QPS)
    clock.turn(30)
    ward.tick()
    assert [job.subject for job in ward.jobs(JobStage.REPORT)] == [ward.live().id]


def test_raw_data_alone_ends_without_screens_after_the_quiet_period(ward, clock):
    ward.raw()
    clock.turn(30)
    ward.tick()
    assert ward.live().reason is Reason.NO_SCREENS


def test_a_study_in_quarantine_says_why(ward, clock):
    ward.quarantined(ward.arrive("1.1.0"), Reason.UNDECODABLE)
    clock.turn(30)
    ward.tick()
    assert (ward.live().outcome, ward.live().reason) == (Outcome.QUARANTINED, Reason.UNDECODABLE)


def test_a_screen_still_being_prepared_is_waited_for_beyond_the_quiet_period(ward, clock):
    ward.screen(QPS)
    slow = ward.arrive("1.1.9")
    clock.turn(600)
    ward.tick()
    assert ward.revisions() == []
    ward.prepared(slow, STRESS)
    assert ward.live().detail == "missing: Rest QGS"


def test_the_hard_cap_ends_the_wait_for_a_screen_that_nobody_prepares(ward, clock):
    ward.screen(QPS)
    ward.arrive("1.1.9")
    clock.turn(3599)
    ward.tick()
    assert ward.revisions() == []
    clock.turn(1)
    ward.tick()
    assert ward.live().reason is Reason.INCOMPLETE


def test_a_trickle_of_objects_does_not_put_the_cap_off(ward, clock):
    for number in range(180):
        ward.raw(f"1.9.{number}")
        clock.turn(20)
    ward.tick()
    assert ward.live().reason is Reason.NO_SCREENS


def test_a_screen_prepared_after_the_hard_cap_still_counts(ward, clock):
    ward.screen(QPS)
    ward.screen(STRESS)
    slow = ward.arrive("1.1.2")
    clock.turn(3600)
    ward.tick()
    assert ward.live().reason is Reason.INCOMPLETE
    clock.turn(60)
    ward.prepared(slow, REST)
    ward.tick()
    assert (ward.live().revision, ward.live().stage) == (2, Stage.CLASSIFYING)


# What opens another revision, and what does not


@pytest.fixture
def classified(ward):
    """A complete study at revision 1."""
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    assert ward.live().revision == 1
    return ward


def later(ward: Ward) -> None:
    ward.tick()
    ward.clock.turn(40)
    ward.tick()


def test_a_late_view_opens_revision_2_and_supersedes_the_first(ward, clock):
    ward.screen(QPS)
    ward.screen(STRESS)
    clock.turn(30)
    ward.tick()
    clock.turn(24 * 3600)
    ward.screen(REST)
    first, second = ward.revisions()
    assert (first.revision, first.reason, first.superseded_at) == (1, Reason.INCOMPLETE, clock.now)
    assert (second.revision, second.stage, second.superseded_at) == (2, Stage.CLASSIFYING, None)


def test_duplicates_and_late_raw_data_open_nothing(classified, clock):
    clock.turn(100)
    assert classified.arrive("1.1.0") is None
    assert classified.study().waiting_since is None
    classified.raw()
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1]
    assert classified.study().waiting_since is None
    assert len(classified.jobs(JobStage.CLASSIFY)) == 1


def test_new_content_with_another_crop_opens_revision_2(classified):
    again = classified.arrive("1.1.0", "second")
    classified.prepared(again, QPS, "another crop")
    assert [c.revision for c in classified.revisions()] == [1, 2]
    assert "another crop" in {item["sha256"] for item in classified.live().inputs}


def test_new_content_with_the_same_crop_opens_nothing(classified):
    classified.prepared(classified.arrive("1.1.0", "other transfer syntax"), QPS)
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1]


def test_the_first_content_sent_again_after_another_is_in_force_again(classified):
    classified.prepared(classified.arrive("1.1.0", "second"), QPS, "another crop")
    assert classified.arrive("1.1.0") is None
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1, 2, 3]
    assert classified.live().inputs == classified.revisions()[0].inputs


def test_a_corrected_patient_identity_opens_a_new_revision(classified):
    corrected = replace(JANE, patient_name=Phi("TESTPATIENT^JANET"))
    for number, view in enumerate(REQUIRED_VIEWS):
        classified.prepared(classified.arrive(f"1.1.{number}", "corrected", who=corrected), view)
    assert [c.revision for c in classified.revisions()] == [1, 2]
    assert classified.live().outcome is None
    assert classified.study().patient_name.reveal() == "TESTPATIENT^JANET"


def test_another_spelling_or_an_empty_field_is_no_new_identity(classified, clock):
    classified.raw("1.9.1", who=replace(JANE, patient_name=Phi("Testpatient^Jane^^")))
    later(classified)
    classified.raw("1.9.2", who=replace(JANE, patient_id=Phi(""), patient_birth_date=Phi("")))
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1]
    assert classified.study().patient_id.reveal() == "T-001"


def test_a_late_object_of_another_patient_quarantines_the_study_once(classified):
    classified.raw("1.9.1", who=JOHN)
    later(classified)
    assert (classified.live().revision, classified.live().reason) == (2, Reason.PATIENTS_DIFFER)
    classified.raw("1.9.2", who=JANE)
    later(classified)
    classified.raw("1.9.3", who=JOHN)
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1, 2]


def test_a_new_active_model_opens_nothing_by_itself(classified):
    classified.activate("b" * 64)
    later(classified)
    classified.raw()
    later(classified)
    assert [c.revision for c in classified.revisions()] == [1]


def test_the_next_revision_is_classified_by_the_model_then_active(classified):
    first = classified.live().model_version_id
    classified.activate("b" * 64)
    classified.prepared(classified.arrive("1.1.0", "second"), QPS, "another crop")
    assert classified.live().model_version_id != first


# Any order


EVENTS = st.lists(st.sampled_from(["arrive", "prepare", "end", "tick", "wait", "duplicate"]), max_size=40)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], list[int], list[str]]:
    """The order of six objects, the association of each, and what happens in between."""
    return (
        draw(st.permutations(range(6))),
        draw(st.lists(st.integers(0, 2), min_size=6, max_size=6)),
        draw(EVENTS),
    )


OBJECTS = [  # view, acquisition, crop: two candidates for one view, one screen to quarantine, one raw
    (QPS, "20260102080000", "old qps"),
    (QPS, "20260102090000", "new qps"),
    (STRESS, "20260102080000", "stress"),
    (REST, "20260102080000", "rest"),
    (None, "", ""),
]
RAW = 5


class Story:
    """One way in which the six objects may come."""

    def __init__(self, ward: Ward, associations: list[int]) -> None:
        self.ward = ward
        self.of_object = associations
        self.open: dict[int, set] = {}
        self.arrived: list[int] = []
        self.pending: list[tuple[int, object]] = []

    def arrive(self, number: int) -> None:
        association = self.open.setdefault(self.of_object[number], set())
        if number == RAW:
            self.ward.raw("1.1.5", association=association)
        else:
            self.pending.append((number, self.ward.arrive(f"1.1.{number}", association=association)))
        self.arrived.append(number)

    def prepare(self) -> None:
        number, instance_id = self.pending.pop()
        view, acquired, crop = OBJECTS[number]
        if view is None:
            self.ward.quarantined(instance_id)
        else:
            self.ward.prepared(instance_id, view, crop, acquired=acquired)

    def duplicate(self) -> None:
        number = self.arrived[0]
        association = self.open.setdefault(self.of_object[number], set())
        assert self.ward.arrive(f"1.1.{number}", screen=number != RAW, association=association) is None

    def end(self) -> None:
        _, association = self.open.popitem()
        self.ward.end(association)

    def happen(self, event: str, left: list[int]) -> None:
        if event == "arrive" and left:
            self.arrive(left.pop())
        elif event == "prepare" and self.pending:
            self.prepare()
        elif event == "duplicate" and self.arrived:
            self.duplicate()
        elif event == "end" and self.open:
            self.end()
        elif event == "tick":
            self.ward.tick()
        elif event == "wait":
            self.ward.clock.turn(17)

    def finish(self, left: list[int]) -> None:
        while left:
            self.arrive(left.pop())
        while self.pending:
            self.prepare()
        while self.open:
            self.end()
        later(self.ward)


@settings(max_examples=size(60, 15), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(delivery=deliveries())
def test_any_order_of_events_leads_to_one_live_revision_with_the_same_inputs(stories, delivery):
    order, associations, events = delivery
    clock = Clock()
    ward = Ward(stories.sessions(clock=clock), clock)
    ward.activate()
    story, left = Story(ward, associations), list(order)
    for event in events:
        story.happen(event, left)
    story.finish(left)
    case, study = ward.live(), ward.study()
    assert (case.outcome, case.reason, case.stage) == (None, None, Stage.CLASSIFYING)
    assert sorted(item["sha256"] for item in case.inputs) == ["new qps", "rest", "stress"]
    assert (study.waiting_since, study.open_associations) == (None, 0)


# What takes a result back


def reported(ward, *, kind: str = reports.PAGE, attempts: int = 1, error: str | None = None) -> None:
    """The live revision has a page whose delivery stands as given."""
    case, now = ward.live(), ward.clock.now
    new = NewReport(uuid4(), case.study_id, case.id, kind, Phi(f"2.25.{uuid4().int}"), Phi("2.25.2"), "x", "x")
    with ward.sessions.write() as session:
        if kind == reports.PAGE:
            session.get_one(Case, case.id).label = Label.NORMAL
        reports.add(session, new, now=now)
        jobs.add(session, JobStage.DELIVER, subject=new.id, now=now, destination="pacs", ring_again=timedelta(hours=1))
        job = session.scalars(select(Job).where(Job.subject == new.id)).one()
        job.attempts, job.error, job.state = attempts, error, JobState.DONE if attempts else JobState.WAITING


@pytest.mark.parametrize(
    ("attempts", "error", "asked"),
    [(1, None, True), (3, "superseded", True), (1, "superseded", False), (0, None, False)],
    ids=["sent", "called off after attempts", "called off at once", "never tried"],
)
def test_a_result_that_a_pacs_may_show_is_taken_back(ward, attempts, error, asked):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    reported(ward, attempts=attempts, error=error)
    ward.raw(who=JOHN)
    ward.clock.turn(30)
    ward.tick()
    assert ward.live().reason is Reason.PATIENTS_DIFFER
    assert [job.subject for job in ward.jobs(JobStage.REPORT)] == ([ward.live().id] if asked else [])


def test_a_result_is_taken_back_once(ward):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    reported(ward)
    ward.prepared(ward.arrive("1.1.9"), QPS, "an equal candidate")
    ward.clock.turn(30)
    ward.tick()
    assert ward.live().reason is Reason.AMBIGUOUS
    reported(ward, kind=reports.NOTICE)
    ward.raw(who=JOHN)
    ward.clock.turn(30)
    ward.tick()
    assert (ward.live().revision, ward.live().reason) == (3, Reason.PATIENTS_DIFFER)
    assert len(ward.jobs(JobStage.REPORT)) == 1


def test_a_delivery_that_begins_while_its_result_is_dropped_waits_and_sees_it(ward):
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    reported(ward, attempts=0)
    dropped, seen = ward.live().id, []
    (delivery,) = ward.jobs(JobStage.DELIVER)
    ward.raw(who=JOHN)
    ward.clock.turn(30)

    def deliver() -> None:
        with ward.sessions.write() as session:
            jobs.claim(session, delivery.id, now=ward.clock.now, lease=timedelta(seconds=30))
        with ward.sessions.read() as session:
            seen.append(session.get_one(Case, dropped).superseded_at is not None)

    with ward.sessions.write() as session:
        completion.settle(session, ward.study().id, now=ward.clock.now, policy=POLICY)
        session.flush()
        worker = Background(deliver)
        worker.join(0.5)
    worker.finish(15)
    assert seen == [True]
