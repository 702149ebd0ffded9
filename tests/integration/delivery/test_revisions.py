"""A newer revision on its way out: what is superseded, taken back, and rejected."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from office import LEASE, Office, routes
from sqlalchemy import select

from core.jobs import JobStage
from core.settings import Route
from db import jobs, reports, retention
from db.tables import Case, CommitmentItem

TOKYO = ZoneInfo("Asia/Tokyo")


def test_a_newer_revision_makes_the_older_one_superseded(office, pacs):
    study = office.study()
    first = office.revision(study, ("sc", "sr"))
    office.work(2)
    second = office.revision(study, ("sc", "sr"))
    office.work(2)
    assert set(office.states(first).values()) == {"superseded"}
    assert set(office.states(second).values()) == {"committed"}


def test_a_report_that_was_not_sent_yet_is_called_off_by_a_newer_one(office, archive):
    routes(office, Route(destinations=("archive",)))
    study = office.study()
    first = office.revision(study)
    second = office.revision(study)
    office.work(2)
    assert archive.stored == office.uids(second)
    assert set(office.states(first).values()) == {"superseded"}


def test_a_notice_follows_a_result_to_every_place_it_may_stand_in(office, pacs, archive):
    routes(office, Route(destinations=("pacs", "archive")))
    study = office.study()
    office.revision(study, ("sc", "sr"))
    office.work(2)
    routes(office, Route(destinations=("archive",), kinds=("sc",)))
    notice = office.revision(study, ("notice",), label=None)
    assert set(office.states(notice)) == {("notice", "pacs"), ("notice", "archive")}


@pytest.mark.parametrize("kinds", [("sc", "sr"), ("sr",)], ids=["page and structured report", "structured report"])
def test_a_result_that_was_taken_back_in_one_place_still_stands_in_the_other(office, pacs, archive, kinds):
    """The notice of revision 2 never reached the archive; revision 3, without a result too, has to go there."""
    routes(office, Route(destinations=("pacs", "archive"), kinds=kinds))
    study = office.study()
    first = office.revision(study, kinds)
    office.work(2)
    archive.status = lambda _uid: 0xA700
    notices = tuple("notice" if kind == "sc" else kind for kind in kinds)
    second = office.revision(study, notices, label=None)
    office.work(2)
    third = office.revision(study, (), label=None)
    with office.sessions.read() as session:
        still = reports.standing(session, session.get_one(Case, third))
    assert still is not None
    assert (still.case.id, still.destination) == (first, "archive")
    archive.status = lambda _uid: 0
    office.work(60)
    assert not set(office.uids(second)) & set(archive.stored), "it is superseded"


@pytest.mark.parametrize("kinds", [("sc", "sr"), ("sr",)], ids=["page and structured report", "structured report"])
def test_a_result_that_was_taken_back_everywhere_stands_nowhere(office, pacs, kinds):
    study = office.study()
    office.revision(study, kinds)
    office.work(2)
    office.revision(study, tuple("notice" if kind == "sc" else kind for kind in kinds), label=None)
    office.work(2)
    third = office.revision(study, (), label=None)
    with office.sessions.read() as session:
        assert reports.standing(session, session.get_one(Case, third)) is None


def rejecting(office: Office) -> None:
    routes(office, Route(destinations=("pacs", "archive")), reject_superseded=True, timezone="Asia/Tokyo")


def test_what_a_newer_report_replaces_is_rejected_where_it_was_stored(office, pacs, archive):
    rejecting(office)
    archive.status = lambda _uid: 0xA900
    study = office.study()
    first = office.revision(study, ("sc", "sr"))
    office.work(3)
    old = office.uids(first)
    second = office.revision(study, ("sc", "sr"))
    new = office.uids(second)
    office.work(6)
    (kos,) = set(office.uids(first)) - set(old)
    assert pacs.stored.count(kos) == 1
    assert pacs.stored.index(kos) > min(pacs.stored.index(uid) for uid in new), "never before the newer report is there"
    assert kos not in archive.stored
    assert office.states(first)[("kos", "pacs")] == "committed"
    assert {state for (kind, _), state in office.states(first).items() if kind != "kos"} <= {"superseded", "failed"}
    made = office.read(first, "kos")
    (named,) = made.CurrentRequestedProcedureEvidenceSequence
    rejected = [one for series in named.ReferencedSeriesSequence for one in series.ReferencedSOPSequence]
    assert sorted(one.ReferencedSOPInstanceUID for one in rejected) == sorted(old)
    written = datetime.strptime(made.ContentDate + made.ContentTime, "%Y%m%d%H%M%S.%f").replace(tzinfo=TOKYO)
    assert timedelta() < office.clock.now - written < timedelta(seconds=10), "in the zone that the settings name"


def test_a_rejection_names_only_what_was_sent_anywhere(office, pacs, archive):
    """It stays in the PACS: a reference to an object that nobody ever got leads nowhere."""
    rejecting(office)
    routes(office, Route(destinations=("pacs",), kinds=("sc",)))
    study = office.study()
    first = office.revision(study, ("sc", "sr"))
    office.work(3)
    office.revision(study, ("sc", "sr"))
    office.work(6)
    (named,) = office.read(first, "kos").CurrentRequestedProcedureEvidenceSequence
    (series,) = named.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [pacs.stored[0]]


def test_a_report_that_arrives_late_rejects_nothing_newer_than_itself(office, pacs):
    rejecting(office)
    routes(office, Route(destinations=("pacs",)))
    study = office.study()
    first = office.revision(study)
    office.work(3)
    office.revision(study)
    stage, (due, *_) = office.runner.stages[JobStage.DELIVER], office.due()
    with office.sessions.write() as session:
        claimed = jobs.claim(session, due, now=office.clock.now, lease=LEASE)
    finish = stage.work(claimed)
    pacs.status = lambda _uid: 0xA700
    office.clock.turn(LEASE.total_seconds() + 1)
    office.revision(study)
    office.work()
    office.revision(study)
    with office.sessions.write() as session:
        assert jobs.finish(session, claimed, now=office.clock.now)
        finish(session, office.clock.now)
    assert [job.subject for job in office.jobs(JobStage.REJECT)] == [first]


def test_nothing_is_rejected_unless_the_settings_say_so(office, pacs):
    study = office.study()
    first = office.revision(study)
    office.work(3)
    office.revision(study)
    office.work(5)
    assert len(office.uids(first)) == 1
    assert office.jobs(JobStage.REJECT) == []


def test_retention_forgets_requests_with_their_study(office, pacs):
    study = office.study()
    office.revision(study)
    office.work(2)
    with office.sessions.write() as session:
        retention.forget(session, study)
        left = session.scalars(select(CommitmentItem.sop_instance_uid)).all()
    assert not {uid.reveal() for uid in left} & set(pacs.stored)
