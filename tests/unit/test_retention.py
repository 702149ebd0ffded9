"""What a purge takes, what it leaves, and that a purge that was killed leaves nothing half done."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from ward import JOHN, Clock, Ward

from core.jobs import JobStage, JobState
from core.phi import Phi
from core.settings import RetentionSettings
from core.types import REQUIRED_VIEWS, AuditAction, Decision, Stage, View
from db import audit, jobs, reports, studies
from db.reports import NewReport
from db.tables import AuditEvent, Base, Case, Instance, Job, Report, Study
from dicom_node.inbox import Inbox
from dicom_node.purging import Purging

DAY = 24 * 3600
BOTH = RetentionSettings(objects_days=30, studies_days=365)


class Store(Inbox):
    """An inbox whose files are made under the names that the ward's rows have."""

    def fill(self, ward: Ward) -> list[str]:
        with ward.sessions.write() as session:
            instances = session.scalars(select(Instance)).all()
            for instance in instances:
                if instance.path == "x":
                    instance.path = self.place(instance.id)
                    self.path(instance.path).write_bytes(b"DICOM")
        return [instance.path for instance in instances]


@pytest.fixture
def store(tmp_path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


def purging(ward: Ward, store: Store, settings: RetentionSettings = BOTH) -> Purging:
    return Purging(ward.sessions, store, settings, "os:tester")


def done_study(ward: Ward, store: Store, *, sent: JobState = JobState.DONE) -> UUID:
    """A study with a result whose report was sent, and all its jobs ended."""
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    ward.tick()
    case = ward.live()
    page = NewReport(uuid4(), case.study_id, case.id, reports.PAGE, Phi("2.25.7"), Phi("2.25.8"), "", "x")
    path = store.write(b"DICOM", page.id)
    with ward.sessions.write() as session:
        session.get_one(Case, case.id).stage = Stage.DONE
        reports.add(session, page, now=ward.clock.now)
        session.get_one(Report, page.id).path = path
        jobs.add(
            session,
            JobStage.DELIVER,
            subject=page.id,
            now=ward.clock.now,
            destination="pacs",
            ring_again=timedelta(seconds=5),
        )
        for job in session.scalars(select(Job)):
            job.state = sent if job.stage is JobStage.DELIVER else JobState.DONE
    store.fill(ward)
    return case.study_id


def files(store: Store) -> int:
    return len([p for p in store.path("").rglob("*.dcm") if p.is_file()])


def test_old_objects_go_and_rows_crops_and_results_stay(ward: Ward, store: Store, clock: Clock) -> None:
    study_id = done_study(ward, store)
    clock.turn(31 * DAY)
    taken = purging(ward, store).objects(dry_run=False)
    assert (taken.studies, taken.files, files(store)) == (1, 4, 0)
    with ward.sessions.read() as session:
        instances = studies.current_instances(session, study_id)
        assert {i.purged_at for i in instances} == {clock.now}
        assert session.scalars(select(Report.purged_at)).all() == [clock.now]
        (event,) = audit.listed(session, study_id=study_id, since=None, limit=100)
    assert (event.action, event.actor, event.detail) == (AuditAction.PURGE, "os:tester", "files=4")
    assert purging(ward, store).objects(dry_run=False).studies == 0


def test_what_is_young_stays(ward: Ward, store: Store, clock: Clock) -> None:
    done_study(ward, store)
    clock.turn(29 * DAY)
    assert purging(ward, store).objects(dry_run=False).studies == 0
    assert files(store) == 4


def test_a_dry_run_counts_and_takes_nothing(ward: Ward, store: Store, clock: Clock) -> None:
    done_study(ward, store)
    clock.turn(400 * DAY)
    assert purging(ward, store).objects(dry_run=True).files == 4
    assert purging(ward, store).whole_studies(dry_run=True).studies == 1
    assert files(store) == 4


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING, JobState.DEAD])
def test_a_study_with_work_open_or_given_up_stays_and_is_counted(ward, store, clock, state) -> None:
    done_study(ward, store, sent=state)
    clock.turn(400 * DAY)
    taken = purging(ward, store).whole_studies(dry_run=False)
    assert (taken.studies, taken.unfinished, files(store)) == (0, 1, 4)


def test_an_object_in_quarantine_stays_until_somebody_decides(ward: Ward, store: Store, clock: Clock) -> None:
    lost = ward.arrive("1.1.7")
    ward.quarantined(lost)
    clock.turn(30)
    ward.tick()
    store.fill(ward)
    clock.turn(400 * DAY)
    assert purging(ward, store).objects(dry_run=False).studies == 0
    with ward.sessions.write() as session:
        session.get_one(Instance, lost).decision = Decision.REJECTED
    assert purging(ward, store).objects(dry_run=False).files == 1


def test_a_study_of_two_patients_stays_until_somebody_decides(ward: Ward, store: Store, clock: Clock) -> None:
    done_study(ward, store)
    ward.raw(who=JOHN)
    clock.turn(30)
    ward.tick()
    with ward.sessions.write() as session:
        for job in session.scalars(select(Job)):
            job.state = JobState.DONE
    store.fill(ward)
    clock.turn(400 * DAY)
    assert purging(ward, store).objects(dry_run=False).studies == 0
    assert purging(ward, store).whole_studies(dry_run=False).studies == 0


def test_a_waiting_study_stays(ward: Ward, store: Store, clock: Clock) -> None:
    ward.screen(View.QPS)
    store.fill(ward)
    clock.turn(400 * DAY)
    assert purging(ward, store).whole_studies(dry_run=False).studies == 0


def test_old_studies_go_with_every_row_but_their_audit_events(ward: Ward, store: Store, clock: Clock) -> None:
    done_study(ward, store)
    clock.turn(366 * DAY)
    assert purging(ward, store).whole_studies(dry_run=False).studies == 1
    with ward.sessions.read() as session:
        left = {t.name: session.scalar(select(func.count()).select_from(t)) for t in Base.metadata.tables.values()}
    assert {name for name, count in left.items() if count} == {"model_versions", "audit_events", "day_changes"}
    assert files(store) == 0


def test_a_study_that_comes_to_life_meanwhile_stays(ward: Ward, store: Store, clock: Clock, monkeypatch) -> None:
    study_id = done_study(ward, store)
    clock.turn(31 * DAY)
    purge = purging(ward, store)
    seen = purge._each

    def late(due, before):
        for key in list(seen(due, before)):
            ward.raw()
            yield key

    monkeypatch.setattr(Purging, "_each", lambda _self, due, before: late(due, before))
    assert purge.objects(dry_run=False).studies == 0
    with ward.sessions.read() as session:
        assert all(i.purged_at is None for i in studies.current_instances(session, study_id))


def test_files_that_a_killed_purge_had_marked_go_with_the_next_one(ward, store, clock, monkeypatch) -> None:
    done_study(ward, store)
    clock.turn(31 * DAY)
    with monkeypatch.context() as killed:
        killed.setattr(Store, "discard", lambda _self, _path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            purging(ward, store).objects(dry_run=False)
    assert files(store) == 4
    monkeypatch.setattr(Inbox, "days", lambda _self: [p.name for p in store.path("").iterdir()])
    monkeypatch.setattr(Purging, "_before", lambda _self, _days: clock.now + timedelta(days=36500))
    purging(ward, store).objects(dry_run=False)
    assert files(store) == 0


def test_nothing_is_due_without_a_retention(ward: Ward, store: Store, clock: Clock) -> None:
    done_study(ward, store)
    clock.turn(4000 * DAY)
    unlimited = purging(ward, store, RetentionSettings())
    assert (unlimited.objects(dry_run=False).studies, unlimited.whole_studies(dry_run=False).studies) == (0, 0)
    with ward.sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 1
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0
