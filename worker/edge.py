"""The edge queue's task: a shell around ``worker.edge_runtime``."""

from core.jobs import Queue
from worker.edge_runtime import edge_runner
from worker.edge_settings import check

__all__ = ["QUEUE", "check", "make_runner"]

QUEUE = Queue.EDGE
make_runner = edge_runner
