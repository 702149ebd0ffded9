"""Storage commitment: every way a PACS may answer, and what becomes of a report that it has not stored."""

import time

import pytest
from harness import NODE_AE, until
from node_harness import Sender, screen
from office import LEASE, moved, routes, without_find
from pynetdicom import AE
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from scripted_pacs import unknown

from core.jobs import JobStage, JobState
from core.phi import Phi
from core.settings import Route
from db import commitments, jobs
from dicom_node.commitment_answers import Answers
from worker.pipeline.committing import Committing


@pytest.mark.parametrize("when", ["early", "after"])
@pytest.mark.parametrize(
    ("way", "role"), [("same", True), ("new", True), ("new", False)], ids=["same", "new", "no role"]
)
def test_a_stored_report_is_committed_however_the_pacs_says_so(office, pacs, way, role, when):
    pacs.way, pacs.role, pacs.when = way, role, when
    pacs.times = 2 if way == "new" or when == "early" else 1  # a duplicate by the same association may find it closed
    case = office.revision(office.study(), ("sc", "sr"))
    office.work(2)
    assert office.states(case) == {("sc", "pacs"): "committed", ("sr", "pacs"): "committed"}
    assert [len(uids) for _, uids in pacs.asked] == [2], "one request covers the case"
    assert sorted(pacs.stored) == sorted(office.uids(case))
    until(lambda: len(pacs.answers) == pacs.times, 10, "the answers are answered")
    assert set(pacs.answers) == {0}
    office.work(1000, step=100)
    assert not office.due()


@pytest.mark.parametrize("when", ["early", "after"])
def test_the_association_is_released_only_when_an_answer_by_it_is_answered(office, pacs, monkeypatch, when):
    """What is written down ends the wait for it; the response to the peer is still on its way then."""
    take = Answers.take

    def slowly(self: Answers, event: Event) -> int:
        status = take(self, event)
        time.sleep(0.3)
        return status

    monkeypatch.setattr(Answers, "take", slowly)
    pacs.when = when
    case = office.revision(office.study())
    office.work()
    office.clock.turn(1)
    began = time.monotonic()
    office.work()
    assert time.monotonic() - began < 2
    assert (office.states(case), pacs.answers) == ({("sc", "pacs"): "committed"}, [0])


def test_an_answer_that_comes_after_its_time_counts(office, pacs):
    pacs.when = "late"
    pacs.lists = lambda _uid: False
    office.use(without_find(office))
    case = office.revision(office.study())
    office.work(2)
    assert office.states(case) == {("sc", "pacs"): "sent"}
    office.work(1000, step=100)
    assert office.states(case) == {("sc", "pacs"): "unconfirmed"}
    assert pacs.call(pacs.asked[0]) == 0
    assert office.states(case) == {("sc", "pacs"): "committed"}
    assert pacs.call(pacs.asked[0]) == 0, "and once more"
    assert office.states(case) == {("sc", "pacs"): "committed"}


@pytest.mark.parametrize(("listed", "times"), [(True, 1), (False, 3)], ids=["listed", "not listed"])
def test_without_an_answer_the_pacs_is_asked_whether_it_lists_the_report(office, pacs, listed, times):
    pacs.when = "never"
    pacs.lists = lambda _uid: listed
    case = office.revision(office.study())
    office.work(4000, step=50)
    assert len(pacs.stored) == times, "what it does not list is sent again"
    (job,) = office.jobs()
    if listed:
        assert (office.states(case), job.error) == ({("sc", "pacs"): "sent"}, "found_by_query")
    else:
        assert (office.states(case), job.error) == ({("sc", "pacs"): "failed"}, "not_committed:0112")


def test_a_pacs_that_lists_without_end_is_listened_to_no_longer(office, pacs):
    pacs.when, pacs.matches = "never", 100_000
    case = office.revision(office.study())
    began = time.monotonic()
    office.work(1000, step=100)
    assert time.monotonic() - began < 20
    assert office.states(case) == {("sc", "pacs"): "sent"}
    (confirm,) = office.jobs(JobStage.CONFIRM)
    assert (confirm.state, confirm.error) == (JobState.WAITING, "query_unbounded")


def test_what_the_pacs_has_not_stored_is_sent_again_and_alone(office, pacs):
    case = office.revision(office.study(), ("sc", "sr"))
    lost, kept = office.uids(case)
    pacs.fails = lambda uid: uid == lost and pacs.stored.count(lost) < 2
    office.work(10)
    assert (pacs.stored.count(lost), pacs.stored.count(kept)) == (2, 1)
    assert set(office.states(case).values()) == {"committed"}
    assert [len(uids) for _, uids in pacs.asked] == [2, 1]


def test_what_is_never_stored_is_given_up_with_the_reason(office, pacs):
    pacs.fails = lambda _uid: True
    case = office.revision(office.study())
    office.work(30)
    assert len(pacs.stored) == 3
    assert office.states(case) == {("sc", "pacs"): "failed"}
    assert office.jobs()[0].error == "not_committed:0112"


@pytest.mark.parametrize("hours", [0, 1], ids=["soon", "after longer than an answer may take"])
def test_a_request_that_could_not_be_made_is_made_again_by_another_transaction(office, pacs, hours):
    pacs.action_status = 0x0110
    case = office.revision(office.study(), ("sc", "sr"))
    office.work(2)
    office.work(3600 * hours, step=120)
    assert set(office.states(case).values()) == {"sent"}
    pacs.action_status = 0
    office.work(3 + 3600 * hours, step=1 + 120 * hours)
    assert set(office.states(case).values()) == {"committed"}
    assert len({transaction for transaction, _ in pacs.asked}) == len(pacs.asked) > 1
    assert sorted(pacs.stored) == sorted(office.uids(case)), "nothing was sent again"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_is_down_when_it_is_to_be_asked_is_asked_when_it_is_back(office, pacs, nobody):
    there = pacs.port
    case = office.revision(office.study())
    office.work()
    moved(office, "pacs", nobody)
    office.work(20)
    assert (office.states(case), pacs.asked) == ({("sc", "pacs"): "sent"}, [])
    moved(office, "pacs", there)
    office.work(60)
    assert office.states(case) == {("sc", "pacs"): "committed"}


def test_a_worker_that_dies_while_it_asks_leaves_the_question_to_another(office, pacs):
    case = office.revision(office.study())
    office.work()
    office.clock.turn(2)
    (due,) = office.due()
    with office.sessions.write() as session:
        claimed = jobs.claim(session, due, now=office.clock.now, lease=LEASE)
    stage = Committing(office.sessions, office.inbox, office.settings)
    with office.sessions.read() as session:
        items = [stage._item(report) for report in commitments.to_ask(session, case, "pacs")]
    stage._write_down(claimed, items, Phi("2.25.1"))
    office.clock.turn(31)
    office.runner.run(due)
    assert office.states(case) == {("sc", "pacs"): "committed"}
    assert pacs.call(("2.25.1", office.uids(case))) == 0, "the first request may yet be answered"
    assert pacs.call(("2.25.1", office.uids(case))) == 0


def test_answers_that_come_all_at_once_are_taken_one_after_the_other(place, monkeypatch):
    """Whoever sends thousands of them gets no thousand threads of ours."""
    at_once, most = [0], []

    def slowly(_self: Answers, _event: Event) -> int:
        at_once[0] += 1
        most.append(at_once[0])
        time.sleep(0.02)
        at_once[0] -= 1
        return 0

    monkeypatch.setattr(Answers, "take", slowly)
    ae = AE(ae_title="PACS")
    ae.add_requested_context(StorageCommitmentPushModel)
    assoc = ae.associate("127.0.0.1", place[1].port, ae_title=NODE_AE)
    for number in range(20):
        report = N_EVENT_REPORT()
        report.MessageID, report.EventTypeID = number + 1, 1
        report.AffectedSOPClassUID = StorageCommitmentPushModel
        report.AffectedSOPInstanceUID = StorageCommitmentPushModelInstance
        assoc.dimse.send_msg(report, assoc.accepted_contexts[0].context_id)
    until(lambda: len(most) == 20, 10, "every one is served")
    assoc.abort()
    assert set(most) == {1}


def test_an_answer_to_nothing_is_refused(office, pacs):
    assert pacs.call(unknown()) == 0x0115


@pytest.mark.parametrize("status", [0x0122, 0x0211])
def test_a_pacs_that_refuses_to_commit_leaves_the_report_unconfirmed(office, pacs, status):
    pacs.action_status = status
    case = office.revision(office.study())
    office.work(5)
    assert (len(pacs.asked), office.states(case)) == (1, {("sc", "pacs"): "unconfirmed"})


def test_a_pacs_that_offers_no_commitment_leaves_the_report_unconfirmed(office, archive):
    peers = tuple(peer.model_copy(update={"commitment": True}) for peer in office.settings.peers)
    office.use(office.settings.model_copy(update={"peers": peers}))
    routes(office, Route(destinations=("archive",)))
    offered = archive._server.contexts
    archive._server.contexts = [cx for cx in offered if cx.abstract_syntax != StorageCommitmentPushModel]
    try:
        case = office.revision(office.study())
        office.work(3)
    finally:
        archive._server.contexts = offered
    assert office.states(case) == {("sc", "archive"): "unconfirmed"}


def test_a_peer_that_only_answers_may_not_send(place, office):
    assoc = place[1].request(calling="PACS")
    assert Sender(assoc).store(screen()) == 0x0124
    assoc.release()
