"""Fixtures of tests that speak DICOM to a node in this process, or train."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node_harness import Node, NodeMaker, quiet_log

from db.session import Sessions
from dicom_node import scp
from models.chatter import load_tensorflow


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """TensorFlow is loaded, as training loads it."""
    load_tensorflow()


@pytest.fixture(scope="module")
def eagerly(tensorflow: None) -> Iterator[None]:
    """TensorFlow computes at once instead of tracing what it will compute: quicker where a network sees few images."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def start_node(tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeMaker]:
    """Starts a node with the given settings; it ends with the test. A second one shares home and database."""
    quiet_log()
    monkeypatch.setattr(scp, "_POLL_S", 0.02)  # how soon a listener notices that it is to end
    nodes: list[Node] = []

    def start(**settings: Any) -> Node:
        nodes.append(Node(home=settings.pop("home", tmp_path), sessions=settings.pop("sessions", sessions), **settings))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
        node.hang_up()


@pytest.fixture
def node(start_node: NodeMaker) -> Node:
    """A running node that knows one peer."""
    return start_node()
