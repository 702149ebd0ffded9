"""The edge queue's task: a shell around ``worker.edge_runtime``."""

from core.jobs import Queue
from core.settings import Settings
from worker.edge_runtime import edge_runner, view_rules

QUEUE = Queue.EDGE
make_runner = edge_runner


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` for view rules that name no DICOM attribute."""
    view_rules(settings)
