"""What a node makes of honest senders: objects stored whole, written down once, and only then answered."""

import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import NODE_AE, PACS_AE, Background, until, write
from node_harness import CANARY, SUCCESS, UID_CANARY, Node, Sender, encoded, screen
from pydicom import Dataset, dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    NuclearMedicineImageStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from sqlalchemy import select, update

from cli.node import serve
from core import MANUFACTURER, MODEL_NAME
from core.jobs import JobStage
from core.phi import Phi
from core.types import AuditAction
from db import counters
from db.tables import AuditEvent, Instance, Job, Report, Study

pytestmark = pytest.mark.timeout(60)


def _jobs(node: Node) -> list[Job]:
    with node.sessions.read() as session:
        return list(session.scalars(select(Job)))


def _dcmtk(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.fail(f"{program} is missing; install the system package dcmtk")


def test_verification_is_answered(node: Node) -> None:
    assoc = node.request([(Verification, ExplicitVRLittleEndian)])

    assert assoc.send_c_echo().Status == SUCCESS
    assoc.release()


def test_dcmtk_may_ask_and_send(node: Node, tmp_path: Path) -> None:
    paths = write([_file(screen(n)) for n in (1, 2)], tmp_path / "out")
    peer = ("-aet", PACS_AE, "-aec", NODE_AE, "127.0.0.1", str(node.port))

    assert _dcmtk("echoscu", *peer).returncode == 0
    sent = _dcmtk("storescu", *peer, *map(str, paths))

    assert sent.returncode == 0, sent.stderr
    assert len(node.instances()) == 2


def _file(ds: Dataset) -> Dataset:
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def test_an_object_is_kept_byte_for_byte_under_a_blank_preamble(node: Node) -> None:
    ds = screen(pixels=1000)
    assert node.store(ds) == [SUCCESS]

    [path] = node.stored()
    data = path.read_bytes()
    assert data.endswith(encoded(ds))
    assert data[:132] == bytes(128) + b"DICM"
    meta = dcmread(path, stop_before_pixels=True).file_meta
    assert meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert len(data) == 132 + 12 + meta.FileMetaInformationGroupLength + len(encoded(ds))


def test_success_finds_row_and_job_written_and_the_bell_rung(node: Node) -> None:
    with node.sender() as sender:
        assert sender.store(screen()) == SUCCESS
        [instance], [job] = node.instances(), _jobs(node)

    assert node.settings.store / instance.path == node.stored()[0]
    assert instance.size == node.stored()[0].stat().st_size
    assert (job.stage, job.subject) == (JobStage.PREPARE, instance.id)
    assert [bell.job_id for bell in node.bells] == [job.id]


def test_raw_data_are_listed_without_a_job(node: Node) -> None:
    ds = screen()
    ds.SOPClassUID = NuclearMedicineImageStorage
    with node.sender((NuclearMedicineImageStorage, ExplicitVRLittleEndian)) as sender:
        status = sender.say(encoded(ds), ds.SOPClassUID, ds.SOPInstanceUID, abstract=ds.SOPClassUID)

    assert status == SUCCESS
    assert [i.candidate for i in node.instances()] == [False]
    assert not _jobs(node)
    assert not node.bells


def test_files_and_folders_are_for_their_owner_alone(node: Node) -> None:
    node.store(screen())

    [path] = node.stored()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(node.settings.incoming.stat().st_mode) == 0o700
    assert not node.incoming()


def test_no_identifier_reaches_a_file_name_or_the_log(
    node: Node, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", "perfuscope")
    other, broken, ours = screen(), screen(2), screen(3)
    other.PatientName = f"{CANARY}^OTHER"
    broken.StudyInstanceUID = f"../{UID_CANARY}"
    ours.Manufacturer, ours.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    node.store(screen(), screen(), other, broken, ours)

    said = caplog.text + "".join(capfd.readouterr()) + "".join(map(str, node.settings.home.rglob("*")))
    assert len(caplog.records) >= 5
    assert CANARY not in said
    assert UID_CANARY not in said


def test_a_duplicate_changes_nothing(node: Node) -> None:
    assert node.store(screen(), screen()) == [SUCCESS, SUCCESS]
    assert node.store(screen()) == [SUCCESS]

    assert (len(node.instances()), len(node.stored()), len(_jobs(node))) == (1, 1, 1)


def test_a_duplicate_of_a_purged_object_is_stored_again_and_needs_no_work(node: Node) -> None:
    node.store(screen())
    [instance] = node.instances()
    (node.settings.store / instance.path).unlink()
    with node.sessions.write() as session:
        session.execute(update(Instance).values(purged_at=node.sessions.now(session)))
        session.execute(update(Study).values(waiting_since=None))
    assert node.store(screen()) == [SUCCESS]

    [again] = node.instances()
    assert (again.id, again.purged_at, node.stored()) == (instance.id, None, [node.settings.store / again.path])
    assert len(_jobs(node)) == 1
    with node.sessions.read() as session:
        assert session.scalars(select(Study.waiting_since)).all() == [None], "no revision is asked for"


def test_the_end_of_an_association_is_an_event_for_each_study_it_fed(node: Node) -> None:
    node.store(screen(1), screen(2), screen(2), screen(1, study=2))
    until(lambda: node.count(AuditEvent) == 2, 5, "the end is written down")

    with node.sessions.read() as session:
        events = list(session.scalars(select(AuditEvent)))
    assert {(e.action, e.actor) for e in events} == {(AuditAction.RECEIVE, f"ae:{PACS_AE}")}
    assert {e.detail for e in events} == {"objects=2 duplicates=1", "objects=1 duplicates=0"}


def test_other_content_under_a_known_uid_takes_its_place(node: Node) -> None:
    changed = screen()
    changed.SeriesDescription = "another QPS"
    assert node.store(screen(), changed) == [SUCCESS, SUCCESS]

    assert [i.current for i in node.instances()] == [False, True]
    assert len(node.stored()) == 2
    assert len(_jobs(node)) == 2


def test_a_study_may_come_by_five_associations_at_once_in_any_order(node: Node) -> None:
    order = [8, 3, 1, 9, 6, 2, 10, 5, 7, 4]
    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(lambda n: node.store(screen(n)), order))

    assert statuses == [[SUCCESS]] * 10
    assert sorted(i.sop_instance_uid.reveal() for i in node.instances()) == sorted(
        screen(n).SOPInstanceUID for n in order
    )
    assert node.count(Study) == 1
    until(lambda: node.open_associations() == [0], 5, "no association is open")


def test_two_senders_of_one_object_leave_one_row(node: Node) -> None:
    ready = threading.Barrier(2, timeout=20)

    def send() -> int:
        with node.sender() as sender:
            ready.wait()
            return sender.store(screen())

    with ThreadPoolExecutor(2) as pool:
        statuses = [sent.result(30) for sent in [pool.submit(send), pool.submit(send)]]

    assert statuses == [SUCCESS, SUCCESS]
    assert (len(node.instances()), len(node.stored()), len(_jobs(node))) == (1, 1, 1)


def came_back(node: Node) -> int:
    """How many of our own objects were pushed to the node, as the database counts them."""
    with node.sessions.read() as session:
        counter = counters.value(session, counters.CAME_BACK)
    return counter.value if counter else 0


@pytest.mark.parametrize(
    "kind", [SecondaryCaptureImageStorage, Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage]
)
def test_our_own_report_is_counted_and_not_kept(node: Node, kind: str) -> None:
    marked = screen()
    marked.Manufacturer, marked.ManufacturerModelName, marked.SOPClassUID = MANUFACTURER, MODEL_NAME, kind
    with node.sender((kind, ExplicitVRLittleEndian)) as sender:
        assert sender.say(encoded(marked), kind, marked.SOPInstanceUID, abstract=kind) == SUCCESS

    assert came_back(node) == 1
    assert (node.count(Instance), node.count(Study), node.stored(), node.bells) == (0, 0, [], [])


def test_our_own_report_is_known_by_its_uid_when_its_marks_are_gone(node: Node) -> None:
    node.store(screen(1))
    [first] = node.instances()
    report = screen(2)
    with node.sessions.write() as session:
        session.add(
            Report(
                study_id=first.study_id,
                case_id=first.id,
                kind="sc",
                sop_instance_uid=Phi(report.SOPInstanceUID),
                series_instance_uid=Phi(report.SeriesInstanceUID),
                path="x",
                sha256="0" * 64,
                created_at=node.sessions.now(session),
            )
        )

    assert node.store(report) == [SUCCESS]
    assert came_back(node) == 1
    assert node.instances()[0].id == first.id
    assert len(node.stored()) == 1


def test_open_associations_go_up_and_down(node: Node) -> None:
    with node.sender() as one:
        one.store(screen(1))
        one.store(screen(2))
        assert node.open_associations() == [1]
        with node.sender() as two:
            two.store(screen(1))
            assert node.open_associations() == [1], "a duplicate feeds nothing"
            two.store(screen(3))
            two.store(screen(1, study=2))
            assert node.open_associations() == [2, 1]
        until(lambda: node.open_associations() == [1, 0], 5, "one association is open")
    until(lambda: node.open_associations() == [0, 0], 5, "no association is open")


def test_an_aborted_association_is_no_longer_open(node: Node) -> None:
    assoc = node.request()
    Sender(assoc).store(screen())
    assoc.abort()

    until(lambda: node.open_associations() == [0], 5, "no association is open")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the node finds it in its home folder
def test_a_restarted_node_knows_of_no_open_association(node: Node) -> None:
    node.store(screen())
    node.close()
    with node.sessions.write() as session:
        session.execute(update(Study).values(open_associations=3))
    stop = threading.Event()
    again = Background(lambda: serve(node.settings, stop))
    try:
        until(lambda: node.open_associations() == [0] or again.error, 20, "associations are forgotten")
    finally:
        stop.set()
        again.finish(20)
    assert node.open_associations() == [0]


def test_closing_the_node_ends_what_is_open_and_writes_it_down(node: Node) -> None:
    assoc = node.request([(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)])
    Sender(assoc).store(screen())
    node.close()

    assert node.open_associations() == [0]
    until(lambda: not assoc.is_established, 5, "the sender was told")
