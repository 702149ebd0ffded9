"""The inference queue's task: a shell around ``worker.runtime``. Never reaches DICOM or the identified tables."""

from core.jobs import Queue
from core.settings import Settings
from worker.runtime import inference_runner

QUEUE = Queue.INFERENCE
make_runner = inference_runner


def check(_settings: Settings) -> None:
    """No setting that passed its own checks is wrong for this queue."""
