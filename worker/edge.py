"""The edge queue's task: a shell around ``worker.edge_runtime``."""

from core.jobs import Queue
from worker.edge_runtime import edge_runner

QUEUE = Queue.EDGE
make_runner = edge_runner
