"""``perfuscope node``: the DICOM listener and the reconciler, in one process."""

import logging
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from cli import lifetime, options
from cli.sentences import one_sentence
from core import log, process
from core.errors import PerfuscopeError
from core.settings import Settings

if TYPE_CHECKING:
    from db.session import Sessions

_log = logging.getLogger("perfuscope.node")

Supervised = Annotated[int | None, typer.Option("--supervised-by", hidden=True)]


@one_sentence
def node(
    home: options.Home = None,
    config: options.Config = None,
    dicom_port: Annotated[int | None, typer.Option(help="Port to listen on. (default: 11112)")] = None,
    supervised_by: Supervised = None,
) -> None:
    """Receive studies by C-STORE; decide when they are complete; ring the workers."""
    if supervised_by is not None:
        process.end_with_parent(supervised_by)
    found = options.settings(home, config, dicom_port=dicom_port)
    log.configure(found.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve(found, stop)


def serve(found: Settings, stop: threading.Event) -> None:
    """Build the node's parts, listen until ``stop`` is set, and close them in order."""
    from dicom_node.commitment_answers import Answers
    from dicom_node.completion import Policy
    from dicom_node.inbox import Inbox
    from dicom_node.queue import Bellringer
    from dicom_node.receiver import Receiver
    from dicom_node.reconciler import Reconciler
    from dicom_node.scp import Listener
    from dicom_node.sweep import Sweeper

    sessions = _ready_sessions(found)
    policy = Policy.of(found)
    bellringer = Bellringer(found)
    inbox = Inbox(found.store, min_free_bytes=found.min_free_disk_mb * 2**20)
    receiver = Receiver(sessions=sessions, inbox=inbox, ring=bellringer.ring, policy=policy)
    reconciler = Reconciler(sessions=sessions, ring=bellringer.ring, policy=policy)
    try:
        listener = Listener(found, receiver, Answers(sessions, most=found.report.commitment_attempts))
    except OSError as error:
        msg = f"cannot listen on {found.dicom_host} port {found.dicom_port}: {error.strerror}"
        raise PerfuscopeError(msg) from None
    sweeper = Sweeper(sessions, inbox)
    reconciler.start()
    sweeper.start()
    _log.info("listening as %s on %s port %d", found.ae_title, found.dicom_host, listener.port)
    if not found.accept_any_peer and not any(peer.may_send for peer in found.peers):
        _log.warning("no peer may send: add [[peers]] to perfuscope.toml, or set PERFUSCOPE_ACCEPT_ANY_PEER")
    with lifetime.recorded(sessions, "node"):
        stop.wait()
        listener.close()
        reconciler.close()
        sweeper.close()
        bellringer.close()


def _ready_sessions(found: Settings) -> "Sessions":
    from db import model_versions, studies

    sessions = options.sessions(found)
    with sessions.write() as session:
        if model_versions.active(session) is None:
            raise PerfuscopeError("no model is active; run: perfuscope db upgrade")
        studies.forget_associations(session)
    return sessions
