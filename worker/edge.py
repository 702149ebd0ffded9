"""The edge queue's task: a shell around ``worker.edge_runtime``."""

from core.jobs import Queue
from core.settings import Settings
from dicom_node import layouts, rules
from worker.edge_runtime import edge_runner

QUEUE = Queue.EDGE
make_runner = edge_runner


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` for view rules that name no DICOM attribute, ``LayoutError`` for a bad layout file."""
    rules.in_force(settings)
    layouts.load_all(settings.layouts)
