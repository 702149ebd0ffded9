"""The Celery side of the workers: one task a queue, which takes a job id and nothing else."""

import importlib
import logging
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from billiard import pool
from celery import Celery
from celery.signals import worker_process_init
from kombu import Queue as KombuQueue
from kombu.exceptions import OperationalError

from core import broker, log, messages, process
from core.jobs import TASK_NAME, Bell, Queue
from core.messages import Misfit
from core.settings import Settings
from worker.task import Runner

logger = logging.getLogger("perfuscope.worker")

_TENTHS_OF_A_SECOND = 10
"""How long a child that ends waits for its parent to read what it said."""

RunnerMaker = Callable[[Settings], Runner]


def build(settings: Settings, queues: Iterable[Queue]) -> Celery:
    """A Celery application that serves ``queues``; each child process builds its own runners right after its fork.

    Raises ``SettingsError`` for settings that a queue's work could do nothing with.
    """
    app = Celery("perfuscope")
    app.conf.update(broker.options(settings))
    modules = {queue: importlib.import_module(f"worker.{queue.value}") for queue in queues}
    for module in modules.values():
        module.check(settings)
    makers: dict[Queue, RunnerMaker] = {queue: module.make_runner for queue, module in modules.items()}
    app.conf.worker_consumer = "worker.consumer:Consumer"
    app.conf.task_queues = [KombuQueue(queue.value, routing_key=queue.value) for queue in makers]
    runners = _Runners(settings, makers)
    parent = os.getpid()

    def start_child(**_: object) -> None:
        process.end_with_parent(parent)
        log.configure(settings.log_level)
        with process.loading():
            runners.warm_up()

    for queue in makers:
        app.task(name=f"{TASK_NAME}.{queue.value}")(_task(app, runners, queue))
    worker_process_init.connect(start_child, weak=False)
    return app


class _Runners:
    """A process's runners, each built once; what cannot be built yet is tried again with the next message."""

    def __init__(self, settings: Settings, makers: Mapping[Queue, RunnerMaker]) -> None:
        self._settings = settings
        self._makers = makers
        self._made: dict[Queue, Runner] = {}

    def warm_up(self) -> None:
        """Build them all before the first message comes."""
        for queue in self._makers:
            try:
                self.of(queue)
                logger.info("serving queue %s", queue.value)
            except Exception:  # Celery would print its text and go on without
                logger.exception("the runner of queue %s cannot be built yet", queue.value)

    def of(self, queue: Queue) -> Runner:
        """The queue's runner."""
        if queue not in self._made:
            self._made[queue] = self._makers[queue](self._settings)
        return self._made[queue]


def run(settings: Settings, queues: Iterable[Queue], *, processes: int) -> None:
    """Serve until told to stop."""
    # Told to stop just after a message, the parent reads no results any more, and a child would wait half a minute for
    # that. Results are rows; those messages say nothing that is needed.
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _TENTHS_OF_A_SECOND
    wanted = list(queues)
    app = build(settings, wanted)
    logging.getLogger("celery.worker.request").addHandler(_Deaf())
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


class _Deaf(logging.Handler):
    """Ends a worker that could not acknowledge a message: Redis died under it while it worked.

    Celery logs it and goes on, but counts the message as in hand for ever and, with one at a time, takes no other. The
    service manager starts a worker that hears again.
    """

    def __init__(self) -> None:
        super().__init__(level=logging.CRITICAL)
        self._worker = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Stop as SIGTERM does, once the work at hand is done."""
        if os.getpid() == self._worker and str(record.msg).startswith("Couldn't "):
            os.kill(self._worker, signal.SIGTERM)


def _task(app: Celery, runners: _Runners, queue: Queue) -> Callable[..., None]:
    def run_job(*args: object, **kwargs: object) -> None:
        try:
            for bell in runners.of(queue).run(messages.job_of(args, kwargs)):
                _ring(app, bell)
        except Misfit:
            logger.warning("a message on queue %s does not fit and is dropped", queue.value)
        except Exception:  # Celery would print its text
            logger.exception("a message on queue %s came to nothing", queue.value)

    return run_job


def _ring(app: Any, bell: Bell) -> None:
    try:
        app.send_task(**messages.sent(bell))
    except (OperationalError, OSError):
        logger.warning("bell not rung, the broker is away: job %s", bell.job_id)
