"""One node, one office and two scripted PACS for all tests of a file."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from node_harness import Node, quiet_log
from office import Office
from scripted_pacs import ScriptedPacs
from ward import Clock

from core.settings import Peer, ReportSettings
from db.session import Sessions, make_engine
from dicom_node import scp

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


@pytest.fixture
def nobody(servers) -> Iterator[int]:
    """A port that refuses connections."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
