"""``perfuscope worker``: Celery workers for one queue or both."""

import os
from contextlib import nullcontext
from typing import Annotated

import typer

from cli import lifetime, options
from cli.node import Supervised
from cli.sentences import one_sentence
from core import log, process
from core.errors import SettingsError
from core.jobs import Queue


@one_sentence
def worker(
    queues: Annotated[str, typer.Option(help="Which queues to serve, separated by commas.")] = "edge,inference",
    processes: Annotated[int | None, typer.Option(min=1, max=64, help="Processes. (default: as set)")] = None,
    home: options.Home = None,
    config: options.Config = None,
    supervised_by: Supervised = None,
) -> None:
    """Do the work: prepare, report and deliver (queue edge), classify (queue inference).

    An edge worker needs the node's file store; an inference worker needs only the database and the broker.
    """
    if supervised_by is not None:
        process.end_with_parent(supervised_by)
    os.environ["NOSETPS"] = "1"  # Celery leaves the processes' names alone
    from worker import app

    wanted = _queues(queues)
    found = options.settings(home, config, with_store=Queue.EDGE in wanted)
    log.configure(found.log_level)
    sessions = options.sessions(found)
    default = sum({Queue.EDGE: found.edge_processes, Queue.INFERENCE: found.inference_processes}[q] for q in wanted)
    with lifetime.recorded(sessions, "worker") if Queue.EDGE in wanted else nullcontext():
        sessions.engine.dispose()  # the processes make their own after the fork
        app.run(found, wanted, processes=processes or default)


def _queues(text: str) -> list[Queue]:
    names = [name.strip() for name in text.split(",")]
    known = [queue.value for queue in Queue]
    for name in names:
        if name not in known:
            msg = f"--queues {text}: {name!r} is no queue; allowed: {', '.join(known)}"
            raise SettingsError(msg)
    return [Queue(name) for name in dict.fromkeys(names)]
