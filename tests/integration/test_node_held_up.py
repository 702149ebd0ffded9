"""Peers that try to hold a node up: slow connections, strangers that linger, floods. Good ones are served meanwhile."""

import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from harness import until
from node_harness import SUCCESS, Node, NodeMaker, Sender, encoded, screen
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

pytestmark = pytest.mark.timeout(60)

P_DATA = 4


@contextmanager
def _dripping(node: Node, opening: bytes, *, connections: int, every_s: float) -> Iterator[list[socket.socket]]:
    """Connections that send the opening one byte at a time."""
    peers = [socket.create_connection(("127.0.0.1", node.port), timeout=10) for _ in range(connections)]
    stop = threading.Event()

    def drip() -> None:
        for place in range(len(opening)):
            for peer in peers:
                with suppress(OSError):
                    peer.send(opening[place : place + 1])
            if stop.wait(every_s):
                return

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        yield peers
    finally:
        stop.set()
        dripper.join()
        for peer in peers:
            peer.close()


def _verified(node: Node) -> bool:
    assoc = node.request([(Verification, ExplicitVRLittleEndian)])
    if not assoc.is_established:
        return False
    status = assoc.send_c_echo().Status
    assoc.release()
    return bool(status == SUCCESS)


def test_a_good_peer_is_answered_while_sixty_connections_drip(start_node: NodeMaker) -> None:
    node = start_node(network_timeout_s=5)
    with _dripping(node, node.request_bytes(), connections=60, every_s=0.3) as peers:
        assert all(_verified(node) for _ in range(3))
        assert node.echoes()
        for peer in peers:
            assert _ends(peer)


def _ends(peer: socket.socket) -> bool:
    with suppress(ConnectionResetError):
        while peer.recv(4096):
            pass
    return True


def test_a_flood_of_connections_turns_the_oldest_out(start_node: NodeMaker) -> None:
    node = start_node(max_associations=3)
    with _dripping(node, b"\x01", connections=40, every_s=0.1) as peers:
        assert _ends(peers[0])
        assert _verified(node)


def test_strangers_that_linger_hold_no_place(start_node: NodeMaker) -> None:
    node = start_node(max_associations=2)
    request = bytearray(node.request_bytes())
    request[26:42] = b"STRANGER".ljust(16)
    peers = [socket.create_connection(("127.0.0.1", node.port), timeout=10) for _ in range(6)]
    for peer in peers:
        peer.sendall(request)
        assert peer.recv(1) == b"\x03"
    assert _verified(node)
    for peer in peers:
        peer.close()


def test_an_associated_peer_may_not_drip_a_pdu_for_ever(start_node: NodeMaker) -> None:
    node = start_node(network_timeout_s=1, max_associations=1)
    assoc = node.request()
    wire = Sender(assoc).wire
    wire.sendall(struct.pack(">BBL", P_DATA, 0, 100_000))
    stop = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            while not stop.wait(0.1):
                wire.send(b"\0")

    dripper = threading.Thread(target=drip)
    dripper.start()
    until(lambda: not assoc.is_established, 10, "the node hangs up")
    stop.set()
    dripper.join()
    until(node.echoes, 10, "there is room again")


def test_a_silent_association_ends(start_node: NodeMaker) -> None:
    node = start_node(network_timeout_s=1)
    assoc = node.request()

    until(lambda: not assoc.is_established, 10, "the node ends it")


def test_objects_that_come_in_small_pdus_are_kept_whole(start_node: NodeMaker) -> None:
    node = start_node(max_pdu_bytes=4096)
    with node.sender() as sender:
        assert [sender.store(screen(n, pixels=300)) for n in range(3)] == [SUCCESS] * 3
    for instance in node.instances():
        data = (node.settings.store / instance.path).read_bytes()
        assert len(data) == instance.size
        assert any(data.endswith(encoded(screen(n, pixels=300))) for n in range(3))
        assert instance.sha256 in {hashlib.sha256(encoded(screen(n, pixels=300))).hexdigest() for n in range(3)}
