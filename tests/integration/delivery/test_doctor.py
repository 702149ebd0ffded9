"""What the doctor says of a peer as a destination."""

import pytest
from office import Office
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from cli.demo_services import PACS_AE, running_pacs
from core.finding import Level
from dicom_node import peer_check, scu
from dicom_node.scu import Address


def steps(office: Office, name: str, **options: float) -> list[tuple[str, str]]:
    asked = office.settings.peer_named(name)
    found = list(peer_check.peer(office.settings, office.sessions, asked, **options))
    assert all(step.todo or step.level is not Level.FAIL for step in found)
    return [(step.check, step.level.value) for step in found]


@pytest.mark.parametrize("way", ["same", "new"])
def test_the_doctor_stores_a_test_object_and_has_it_committed(office, pacs, way):
    pacs.way = way
    assert steps(office, "pacs") == [("peer pacs", "ok"), ("test object", "ok"), ("commitment", "ok")]
    made = peer_check.test_object()
    assert "TEST" in str(made.PatientName)
    assert "TEST" in made.SeriesDescription
    assert len(pacs.stored) == 1


def test_the_doctor_says_that_a_peer_offers_no_commitment(office, pacs):
    offered = pacs._server.contexts
    pacs._server.contexts = [cx for cx in offered if cx.abstract_syntax != StorageCommitmentPushModel]
    try:
        found = list(peer_check.peer(office.settings, office.sessions, office.settings.peer_named("pacs")))
    finally:
        pacs._server.contexts = offered
    assert (found[2].level, found[2].said) == (Level.FAIL, "the peer offers no storage commitment")


def test_a_peer_that_takes_no_echo_is_tried_with_the_test_object(office, pacs):
    offered = pacs._server.contexts
    pacs._server.contexts = [cx for cx in offered if cx.abstract_syntax != Verification]
    try:
        found = list(peer_check.peer(office.settings, office.sessions, office.settings.peer_named("pacs")))
    finally:
        pacs._server.contexts = offered
    assert [step.level for step in found] == [Level.WARN, Level.OK, Level.OK]
    assert found[0].said == "answers, but takes no C-ECHO"


def test_the_demos_own_pacs_answers_an_echo():
    with running_pacs() as pacs:
        scu.echo(Address(PACS_AE, "127.0.0.1", pacs.port), "PERFUSCOPE")


def test_the_doctor_names_the_step_that_fails(office, pacs, archive):
    assert steps(office, "archive")[1:] == [("test object", "ok"), ("commitment", "not run")]
    pacs.when = "never"
    assert steps(office, "pacs", patience_s=0)[2] == ("commitment", "warn")
    pacs.action_status = 0x0122
    assert steps(office, "pacs")[2] == ("commitment", "fail")
    pacs.status = lambda _uid: 0xA700
    assert steps(office, "pacs")[1:] == [("test object", "fail"), ("commitment", "not run")]
