"""Who may associate with a node and for what; and peers that speak no DICOM, fall silent or die."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from harness import PACS_AE, until
from node_harness import SUCCESS, Node, NodeMaker, Sender, screen
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    RTPlanStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from core.settings import Peer
from db.tables import Instance
from dicom_node.decode import SUPPORTED_SYNTAXES
from dicom_node.scp import TRANSFER_SYNTAXES

pytestmark = pytest.mark.timeout(60)

PERMANENT, TRANSIENT = 1, 2
BY_USER, BY_PRESENTATION = 1, 3
CALLING_UNKNOWN, CALLED_UNKNOWN, LOCAL_LIMIT = 3, 7, 2
A_ASSOCIATE_RQ, A_ASSOCIATE_AC, P_DATA = 1, 2, 4


def _rejection(assoc: Association) -> tuple[int | None, ...] | None:
    """Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    if not assoc.is_rejected:
        assoc.abort()
        return None
    said = assoc.acceptor.primitive
    assert said is not None
    return said.result, said.result_source, said.diagnostic


def test_an_unknown_calling_ae_is_turned_away(node: Node) -> None:
    assert _rejection(node.request(calling="STRANGER")) == (PERMANENT, BY_USER, CALLING_UNKNOWN)


def test_a_peer_that_may_not_send_is_turned_away(start_node: NodeMaker) -> None:
    node = start_node(peers=(Peer(name="pacs", ae_title=PACS_AE, may_send=False),))

    assert _rejection(node.request()) == (PERMANENT, BY_USER, CALLING_UNKNOWN)


def test_a_wrong_called_ae_is_turned_away(node: Node) -> None:
    assert _rejection(node.request(called="ELSEWHERE")) == (PERMANENT, BY_USER, CALLED_UNKNOWN)


def test_the_called_ae_does_not_matter_where_settings_say_so(start_node: NodeMaker) -> None:
    assert _rejection(start_node(check_called_ae=False).request(called="ELSEWHERE")) is None


def test_accept_any_peer_lets_anyone_in(start_node: NodeMaker) -> None:
    assert _rejection(start_node(accept_any_peer=True, peers=()).request(calling="STRANGER")) is None


@pytest.mark.parametrize("calling", ["STRANGER", "~" * 16, "*", PACS_AE])
def test_without_peers_nobody_is_let_in(start_node: NodeMaker, calling: str) -> None:
    assert _rejection(start_node(peers=()).request(calling=calling)) == (PERMANENT, BY_USER, CALLING_UNKNOWN)


def test_what_is_not_taken_is_refused_and_the_rest_of_the_association_stands(node: Node) -> None:
    private = UID("1.2.826.0.1.3680043.9.7777.1")
    wanted = [private, RTPlanStorage, SecondaryCaptureImageStorage, Verification]
    assoc = node.request([(abstract, ExplicitVRLittleEndian) for abstract in wanted])

    assert {c.abstract_syntax: c.result for c in assoc.rejected_contexts} == {private: 3, RTPlanStorage: 3}
    assert Sender(assoc).store(screen()) == SUCCESS
    assoc.release()


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, MPEG2MPML])
def test_a_transfer_syntax_that_cannot_be_decoded_is_refused(node: Node, syntax: UID) -> None:
    assoc = node.request([(SecondaryCaptureImageStorage, syntax), (Verification, ExplicitVRLittleEndian)])

    assert [c.result for c in assoc.rejected_contexts] == [4]
    assoc.release()


def test_what_is_accepted_is_what_can_be_decoded() -> None:
    assert set(TRANSFER_SYNTAXES) == SUPPORTED_SYNTAXES


def test_each_transfer_syntax_is_accepted_and_noted(node: Node) -> None:
    with node.sender(*((SecondaryCaptureImageStorage, syntax) for syntax in TRANSFER_SYNTAXES)) as sender:
        statuses = [sender.store(screen(n), syntax) for n, syntax in enumerate(TRANSFER_SYNTAXES)]

    assert set(statuses) == {SUCCESS}
    assert [i.transfer_syntax_uid for i in node.instances()] == list(TRANSFER_SYNTAXES)


def test_one_association_too_many_is_rejected_and_welcome_later(start_node: NodeMaker) -> None:
    node = start_node(max_associations=5)
    open_ones = [node.request() for _ in range(5)]
    assert all(assoc.is_established for assoc in open_ones)

    assert _rejection(node.request()) == (TRANSIENT, BY_PRESENTATION, LOCAL_LIMIT)
    open_ones.pop().release()
    until(lambda: _rejection(node.request()) is None, 5, "there is room again")
    for assoc in open_ones:
        assoc.release()


def test_the_fifty_first_association_is_one_too_many_by_default(node: Node) -> None:
    with _connections(node, [node.request_bytes()] * 50) as peers:
        for peer in peers:
            assert peer.recv(1) == bytes([A_ASSOCIATE_AC])
        assert _rejection(node.request()) == (TRANSIENT, BY_PRESENTATION, LOCAL_LIMIT)
    until(lambda: _rejection(node.request()) is None, 10, "there is room again")


def test_connections_that_ask_for_nothing_do_not_use_up_the_limit(start_node: NodeMaker) -> None:
    node = start_node(max_associations=3)
    for _ in range(6):
        socket.create_connection(("127.0.0.1", node.port), timeout=10).close()

    until(node.echoes, 5, "the node has room")


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: perfuscope\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506),
        bytes(10_000),
        bytes(range(256)) * 40,
        struct.pack(">BBL", A_ASSOCIATE_RQ, 0, 200) + b"\xff" * 200,
        struct.pack(">BBL", A_ASSOCIATE_RQ, 0, 0xFFFFFFFF) + bytes(1000),
        struct.pack(">BBL", P_DATA, 0, 12) + bytes(12),
    ],
    ids=["http", "tls", "zeros", "bytes", "bad-request", "endless-request", "data-first"],
)
def test_what_is_no_dicom_is_hung_up_on_and_the_next_peer_served(start_node: NodeMaker, noise: bytes) -> None:
    node = start_node(network_timeout_s=1)
    with suppress(ConnectionResetError):  # hung up before all of it was read
        node.talk(noise)

    assert node.echoes()


def test_a_pdu_far_longer_than_agreed_is_not_waited_for(node: Node) -> None:
    assert node.talk(struct.pack(">BBL", A_ASSOCIATE_RQ, 0, 0xFFFFFFFF)) == b""

    assoc = node.request()
    Sender(assoc).wire.sendall(struct.pack(">BBL", P_DATA, 0, 100 * 2**20))
    assoc.join(5)
    assert not assoc.is_established


def test_silent_connections_are_hung_up_on(start_node: NodeMaker) -> None:
    node = start_node(network_timeout_s=1, max_associations=3)
    whole_request = bytes([A_ASSOCIATE_RQ, 0])
    with _connections(node, [b"", whole_request, struct.pack(">BBL", A_ASSOCIATE_RQ, 0, 5000) + bytes(100)]) as peers:
        for peer in peers:
            assert _hung_up(peer)
        until(node.echoes, 5, "there is room again")


@contextmanager
def _connections(node: Node, openings: list[bytes]) -> Iterator[list[socket.socket]]:
    peers = []
    for opening in openings:
        peers.append(socket.create_connection(("127.0.0.1", node.port), timeout=10))
        peers[-1].sendall(opening)
    yield peers
    for peer in peers:
        peer.close()


def _hung_up(peer: socket.socket) -> bool:
    with suppress(ConnectionResetError):
        while peer.recv(4096):
            pass
    return True


@pytest.mark.parametrize("within_a_pdu", [False, True], ids=["between PDUs", "within a PDU"])
def test_a_peer_that_dies_in_the_middle_of_an_object_leaves_nothing(node: Node, *, within_a_pdu: bool) -> None:
    assoc = node.request()
    wire = Sender(assoc).send_half(within_a_pdu=within_a_pdu)
    until(node.incoming, 5, "the object arrives")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()  # with a reset

    until(lambda: not node.incoming(), 5, "nothing is left")
    assert (node.count(Instance), node.stored(), node.bells) == (0, [], [])
    assert node.echoes()


@pytest.mark.parametrize("within_a_pdu", [False, True], ids=["between PDUs", "within a PDU"])
def test_a_peer_that_falls_silent_in_the_middle_of_an_object_leaves_nothing(
    start_node: NodeMaker, *, within_a_pdu: bool
) -> None:
    node = start_node(network_timeout_s=1)
    assoc = node.request()
    Sender(assoc).send_half(within_a_pdu=within_a_pdu)
    until(node.incoming, 5, "the object arrives")

    until(lambda: not node.incoming(), 5, "nothing is left")
    assert node.count(Instance) == 0
    assert node.echoes()
    assoc.abort()


def test_a_peer_that_aborts_in_the_middle_of_an_object_leaves_nothing(node: Node) -> None:
    assoc = node.request()
    Sender(assoc).send_half(within_a_pdu=False)
    until(node.incoming, 5, "the object arrives")
    assoc.abort()

    until(lambda: not node.incoming(), 5, "nothing is left")
    assert (node.count(Instance), node.stored()) == (0, [])


def test_a_start_clears_what_a_dead_process_left(start_node: NodeMaker) -> None:
    first = start_node()
    first.close()
    (first.settings.incoming / "left").write_bytes(b"half")

    assert not start_node().incoming()
