"""The Celery side of the workers: one task a queue, which takes a job id and nothing else."""

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
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
    """A Celery application that serves ``queues``; each child process builds its own runners right after its fork."""
    app = Celery("perfuscope")
    app.conf.update(broker.options(settings))
    makers: dict[Queue, RunnerMaker] = {q: importlib.import_module(f"worker.{q.value}").make_runner for q in queues}
    app.conf.task_queues = [KombuQueue(queue.value, routing_key=queue.value) for queue in makers]
    runners: dict[Queue, Runner] = {}

    def start_child(**_: object) -> None:
        process.end_with_parent()
        log.configure(settings.log_level)
        runners.update({queue: make(settings) for queue, make in makers.items()})

    for queue in makers:
        app.task(name=f"{TASK_NAME}.{queue.value}")(_task(app, runners, queue))
    worker_process_init.connect(start_child, weak=False)
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


def _task(app: Celery, runners: Mapping[Queue, Runner], queue: Queue) -> Callable[[str], None]:
    def run_job(job_id: str) -> None:
        for bell in runners[queue].run(UUID(job_id)):
            _ring(app, bell)

    return run_job


def _ring(app: Any, bell: Bell) -> None:
    try:
        app.send_task(bell.task, args=[str(bell.job_id)], queue=bell.queue.value, retry=False)
    except (OperationalError, OSError):
        _log.warning("bell not rung, the broker is away: job %s", bell.job_id)
