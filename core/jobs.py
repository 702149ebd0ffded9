"""Names of the stages of work, their queues and the one thing a message may carry."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

TASK_NAME = "perfuscope.run"
"""The one Celery task of each queue is called ``perfuscope.run.<queue>``."""


class Queue(StrEnum):
    """Edge work needs the identified zone; inference does not and may run anywhere."""

    EDGE = "edge"
    INFERENCE = "inference"


class JobStage(StrEnum):
    """A stage of work: a row in ``jobs``."""

    PREPARE = "prepare"
    CLASSIFY = "classify"
    REPORT = "report"
    DELIVER = "deliver"
    COMMIT = "commit"
    """Ask a destination to take responsibility for what it was sent."""
    CONFIRM = "confirm"
    """See after a while whether it answered."""
    REJECT = "reject"
    """Mark what a newer revision replaced as rejected, where the settings say so."""
    ORDER = "order"
    """See to what an administrator asked for on the pages."""


QUEUE_OF: dict[JobStage, Queue] = {
    JobStage.PREPARE: Queue.EDGE,
    JobStage.CLASSIFY: Queue.INFERENCE,
    JobStage.REPORT: Queue.EDGE,
    JobStage.DELIVER: Queue.EDGE,
    JobStage.COMMIT: Queue.EDGE,
    JobStage.CONFIRM: Queue.EDGE,
    JobStage.REJECT: Queue.EDGE,
    JobStage.ORDER: Queue.EDGE,
}


class JobState(StrEnum):
    """``waiting`` until claimed, ``running`` under a lease, then ``done`` or ``dead``."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Bell:
    """What is rung after a commit: which job, on which queue."""

    job_id: UUID
    queue: Queue

    @property
    def task(self) -> str:
        """The Celery task to send the job id to."""
        return f"{TASK_NAME}.{self.queue.value}"
