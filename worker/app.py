"""The Celery side of the workers: one task a queue, which takes a job id and nothing else."""

import importlib
import logging
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import worker_process_init
from kombu import Queue as KombuQueue
from kombu.exceptions import OperationalError

from core import broker, log, process
from core.jobs import TASK_NAME, Bell, Queue
from core.settings import Settings
from worker.task import Runner

_log = logging.getLogger("perfuscope.worker")

RunnerMaker = Callable[[Settings], Runner]


def build(settings: Settings, queues: Iterable[Queue]) -> Celery:
    """A Celery application that serves ``queues``; each child process builds its own runner on first use."""
    app = Celery("perfuscope")
    app.conf.update(broker.options(settings))
    wanted = list(queues)
    app.conf.task_queues = [KombuQueue(queue.value, routing_key=queue.value) for queue in wanted]
    for queue in wanted:
        _register(app, settings, queue)
    worker_process_init.connect(lambda **_: _start_child(settings), weak=False)
    return app


def run(settings: Settings, queues: Iterable[Queue], *, processes: int) -> None:
    """Serve until told to stop."""
    wanted = list(queues)
    app = build(settings, wanted)
    app.Worker(
        queues=[queue.value for queue in wanted],
        concurrency=processes,
        pool="prefork",
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        optimization="fair",
        quiet=True,
    ).start()


def _start_child(settings: Settings) -> None:
    process.end_with_parent()
    log.configure(settings.log_level)


def _register(app: Celery, settings: Settings, queue: Queue) -> None:
    make_runner: RunnerMaker = importlib.import_module(f"worker.{queue.value}").make_runner
    runners: list[Runner] = []

    def run_job(job_id: str) -> None:
        if not runners:
            runners.append(make_runner(settings))
        for bell in runners[0].run(UUID(job_id)):
            _ring(app, bell)

    app.task(name=f"{TASK_NAME}.{queue.value}")(run_job)


def _ring(app: Any, bell: Bell) -> None:
    try:
        app.send_task(bell.task, args=[str(bell.job_id)], queue=bell.queue.value, retry=False)
    except (OperationalError, OSError):
        _log.warning("bell not rung, the broker is away: job %s", bell.job_id)
