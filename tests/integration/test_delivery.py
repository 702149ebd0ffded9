"""Reports on their way out: every answer a PACS may give, every way of its commitment, destinations that are down."""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from harness import NODE_AE, until
from node_harness import Node, Sender, quiet_log, screen
from office import LEASE, Office
from pynetdicom import AE
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from scripted_pacs import ScriptedPacs, unknown
from sqlalchemy import select
from ward import Clock

from cli.doctor import delivery as doctor_of_delivery
from cli.doctor.finding import Level
from core.jobs import JobStage, JobState
from core.phi import Phi
from core.settings import Peer, ReportSettings, Route
from db import commitments, destinations, jobs, reports, retention
from db.jobs import Claimed
from db.session import Sessions, make_engine
from db.tables import Case, CommitmentItem
from dicom_node import scp
from dicom_node.commitment_answers import Answers
from worker.pipeline.committing import Committing
from worker.task import StageWork

TOKYO = ZoneInfo("Asia/Tokyo")
FRESH = {
    "status": lambda _uid: 0,
    "way": "same",
    "when": "after",
    "role": True,
    "times": 1,
    "fails": lambda _uid: False,
}


@pytest.fixture(scope="module")
def place(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Node]]:
    """One database, one node and one office for all tests of this file."""
    quiet_log()
    folder = tmp_path_factory.mktemp("delivery")
    shutil.copyfile(empty_database, folder / "perfuscope.db")
    engine = make_engine(f"sqlite:///{folder / 'perfuscope.db'}")
    clock = Clock()
    sessions = Sessions(engine, clock=clock)
    peers = (
        Peer(name="pacs", ae_title="PACS", commitment=True, find=True, may_send=False),
        Peer(name="archive", ae_title="ARCHIVE"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scp, "_POLL_S", 0.02)
        node = Node(home=folder, sessions=sessions, peers=peers)
        yield Office(sessions, clock, node.settings.store, node.settings), node
        node.close()
    engine.dispose()


@pytest.fixture(scope="module")
def servers(place: tuple[Office, Node]) -> Iterator[tuple[ScriptedPacs, ScriptedPacs]]:
    made = ScriptedPacs("PACS", place[1].port).start(), ScriptedPacs("ARCHIVE", place[1].port).start()
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def pacs(servers) -> ScriptedPacs:
    return fresh(servers[0])


@pytest.fixture
def archive(servers) -> ScriptedPacs:
    return fresh(servers[1])


def fresh(pacs: ScriptedPacs) -> ScriptedPacs:
    for name, value in FRESH.items():
        setattr(pacs, name, value)
    pacs.action_status, pacs.lists, pacs.matches = 0, lambda _uid: True, 1
    for seen in (pacs.stored, pacs.asked, pacs.answers):
        seen.clear()
    return pacs


@pytest.fixture
def office(place, servers) -> Iterator[Office]:
    office, node = place
    ports = {"pacs": servers[0].port, "archive": servers[1].port}
    peers = tuple(peer.model_copy(update={"port": ports[peer.name]}) for peer in node.settings.peers)
    report = ReportSettings(destination="pacs", timeout_s=5)
    office.use(node.settings.model_copy(update={"peers": peers, "report": report, "routes": ()}))
    yield office
    office.clear()


def routes(office: Office, *made: Route, **report: object) -> None:
    said = office.settings.report.model_copy(update=report)
    office.use(office.settings.model_copy(update={"routes": made, "report": said}))


# Storage commitment


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


def without_find(office: Office):
    peers = tuple(peer.model_copy(update={"find": False}) for peer in office.settings.peers)
    return office.settings.model_copy(update={"peers": peers})


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


# What a PACS may answer


@pytest.mark.parametrize(
    ("status", "attempts", "error"),
    [
        (0xA700, 2, "out_of_resources"),
        (0x0110, 2, "processing_failure"),
        (-1, 2, "association_lost"),
    ],
)
def test_what_may_pass_is_tried_again_and_says_why(office, archive, status, attempts, error):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: status
    case = office.revision(office.study())
    office.work()
    (job,) = office.jobs()
    assert (job.state, job.error) == (JobState.WAITING, error)
    archive.status = lambda _uid: 0
    office.work(3)
    (job,) = office.jobs()
    assert (office.states(case), job.attempts) == ({("sc", "archive"): "sent"}, attempts)


@pytest.mark.parametrize(
    ("status", "error"),
    [(0xA900, "data_set_mismatch:A900"), (0xC000, "not_understood:C000"), (0x0124, "not_authorised:0124")],
)
def test_what_a_pacs_will_never_take_is_given_up_at_once_and_says_why(office, archive, status, error):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: status
    case = office.revision(office.study())
    office.work(5)
    (job,) = office.jobs()
    assert (office.states(case), job.attempts, job.error) == ({("sc", "archive"): "failed"}, 1, error)


def test_a_warning_means_stored(office, archive):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: 0xB000
    case = office.revision(office.study())
    office.work()
    assert office.states(case) == {("sc", "archive"): "sent"}


# Routes


def test_each_kind_goes_where_its_routes_say(office, pacs, archive):
    routes(
        office,
        Route(calling="NM*", destinations=("pacs",), kinds=("sc",), commitment=False),
        Route(calling="*", destinations=("archive", "pacs"), kinds=("sc", "sr")),
        Route(calling="CT*", destinations=("archive",)),
    )
    case = office.revision(office.study(sender_ae="NM1"), ("sc", "sr"))
    assert set(office.states(case)) == {("sc", "pacs"), ("sc", "archive"), ("sr", "archive"), ("sr", "pacs")}
    office.clear()
    routes(office, Route(calling="CT*", destinations=("archive",), kinds=("sr",)))
    assert set(office.states(office.revision(office.study(sender_ae="NM1"), ("sc", "sr")))) == {
        ("sc", "pacs"),
        ("sr", "pacs"),
    }
    assert set(office.states(office.revision(office.study(sender_ae="CT1"), ("sc", "sr")))) == {("sr", "archive")}


def test_a_route_may_forgo_commitment(office, pacs):
    routes(office, Route(destinations=("pacs",), commitment=False))
    case = office.revision(office.study())
    office.work(3)
    assert (office.states(case), pacs.asked) == ({("sc", "pacs"): "sent"}, [])


# Destinations that are down


@pytest.fixture
def nobody(servers) -> Iterator[int]:
    """A port that refuses connections."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def moved(office: Office, name: str, port: int) -> None:
    """The settings name another port for a peer."""
    peers = tuple(p.model_copy(update={"port": port}) if p.name == name else p for p in office.settings.peers)
    office.use(office.settings.model_copy(update={"peers": peers}))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_was_down_for_ten_minutes_gets_every_report_once(office, archive, nobody):
    routes(office, Route(destinations=("archive",)))
    there = archive.port
    moved(office, "archive", nobody)
    made = [office.revision(office.study()) for _ in range(8)]
    office.work(600, step=20)
    assert {job.state for job in office.jobs()} == {JobState.WAITING}
    assert {job.error for job in office.jobs()} <= {"peer_unreachable", "waits_for_destination"}
    tries = sum(job.attempts for job in office.jobs())
    assert tries <= 20, "one at a time tries, ever more seldom"
    moved(office, "archive", there)
    office.work(61, step=20)
    assert sorted(archive.stored) == sorted(uid for case in made for uid in office.uids(case))
    assert all(set(office.states(case).values()) == {"sent"} for case in made)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_destination_down_delays_no_other(office, archive, nobody):
    routes(office, Route(destinations=("pacs", "archive")))
    moved(office, "pacs", nobody)
    made = [office.revision(office.study()) for _ in range(5)]
    office.work()
    assert sorted(archive.stored) == sorted(uid for case in made for uid in office.uids(case))
    waiting = [job for job in office.jobs() if job.destination == "pacs"]
    assert [job.attempts for job in waiting] == [1, 0, 0, 0, 0], "the others did not wait for a time-out each"


def test_a_destination_that_keeps_silent_holds_one_worker(office, archive):
    """A second job for it is put off, and so is what waits behind, while the first still waits for an answer."""
    routes(office, Route(destinations=("archive",)))
    for _ in range(3):
        office.revision(office.study())
    first, second, third = office.due()
    with office.sessions.write() as session:
        claimed = jobs.claim(session, first, now=office.clock.now, lease=LEASE)
        assert destinations.enter(session, claimed, now=office.clock.now) is None
    office.clock.turn(10)
    office.runner.run(second)
    found = {job.id: job for job in office.jobs()}
    assert (found[second].attempts, found[second].error) == (0, "waits_for_destination")
    assert found[third].due_at > office.clock.now
    assert archive.stored == []
    office.clock.turn(30)  # the first worker is lost, and its lease is over
    office.runner.run(second)
    assert len(archive.stored) == 1


def test_a_silent_peer_says_so(office, archive):
    routes(office, Route(destinations=("archive",)), timeout_s=0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        moved(office, "archive", mute.getsockname()[1])
        office.revision(office.study())
        office.work()
    assert office.jobs()[0].error == "no_answer"


@pytest.fixture
def stalling(office, archive) -> Iterator[ScriptedPacs]:
    """A PACS that takes part of a large report, and then keeps the connection and says nothing."""
    office.pixels, archive.reads = 3000, 500_000
    yield archive
    office.pixels = 64
    archive.wake()


def test_a_pacs_that_stalls_in_the_middle_of_a_report_delays_only_itself(office, pacs, stalling):
    routes(office, Route(destinations=("archive", "pacs"), commitment=False), timeout_s=0.5)
    case = office.revision(office.study())
    began = time.monotonic()
    office.work()
    assert time.monotonic() - began < 5
    found = {job.destination: job for job in office.jobs()}
    assert (found["archive"].state, found["archive"].attempts) == (JobState.WAITING, 1)
    assert found["archive"].error == "no_answer"
    assert office.states(case)[("sc", "pacs")] == "sent"
    stalling.wake()
    office.work(3)
    assert office.states(case) == {("sc", "archive"): "sent", ("sc", "pacs"): "sent"}
    assert stalling.stored == office.uids(case), "and what it had begun to take is not there twice"


def test_attempts_end_after_hours(office):
    stage = office.runner.stages[JobStage.DELIVER]
    assert isinstance(stage, StageWork)

    def claimed(attempts: int, n: int) -> Claimed:
        return Claimed(UUID(int=n), UUID(int=n), JobStage.DELIVER, UUID(int=n), "pacs", attempts)

    waits = [stage.wait(claimed(attempts, 7)).total_seconds() for attempts in range(1, stage.max_attempts)]
    assert 10 * 3600 < sum(waits) < 24 * 3600
    assert max(waits) <= 3600
    assert len({stage.wait(claimed(12, n)) for n in range(50)}) > 40, "what failed together comes back apart"


# Revisions


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


# What the doctor says of a peer


def steps(office: Office, name: str, **options: float) -> list[tuple[str, str]]:
    asked = office.settings.peer_named(name)
    found = list(doctor_of_delivery.peer(office.settings, office.sessions, asked, **options))
    assert all(step.todo or step.level is not Level.FAIL for step in found)
    return [(step.check, step.level.value) for step in found]


@pytest.mark.parametrize("way", ["same", "new"])
def test_the_doctor_stores_a_test_object_and_has_it_committed(office, pacs, way):
    pacs.way = way
    assert steps(office, "pacs") == [("peer pacs", "ok"), ("test object", "ok"), ("commitment", "ok")]
    made = doctor_of_delivery.test_object()
    assert "TEST" in str(made.PatientName)
    assert "TEST" in made.SeriesDescription
    assert len(pacs.stored) == 1


def test_the_doctor_says_that_a_peer_offers_no_commitment(office, pacs):
    offered = pacs._server.contexts
    pacs._server.contexts = [cx for cx in offered if cx.abstract_syntax != StorageCommitmentPushModel]
    try:
        found = list(doctor_of_delivery.peer(office.settings, office.sessions, office.settings.peer_named("pacs")))
    finally:
        pacs._server.contexts = offered
    assert (found[2].level, found[2].said) == (Level.FAIL, "the peer offers no storage commitment")


def test_the_doctor_names_the_step_that_fails(office, pacs, archive):
    assert steps(office, "archive")[1:] == [("test object", "ok"), ("commitment", "not run")]
    pacs.when = "never"
    assert steps(office, "pacs", patience_s=0)[2] == ("commitment", "warn")
    pacs.action_status = 0x0122
    assert steps(office, "pacs")[2] == ("commitment", "fail")
    pacs.status = lambda _uid: 0xA700
    assert steps(office, "pacs")[1:] == [("test object", "fail"), ("commitment", "not run")]
