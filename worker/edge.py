"""The edge queue's task: a shell around ``worker.edge_runtime``."""

from core.errors import SettingsError
from core.jobs import Queue
from core.settings import Settings
from dicom_node import layouts, rules, textcheck
from worker.edge_runtime import edge_runner

QUEUE = Queue.EDGE
make_runner = edge_runner


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` for view rules that name no DICOM attribute and checks that nothing here can do.

    ``LayoutError`` for a bad layout file.
    """
    rules.in_force(settings)
    layouts.load_all(settings.layout_files)
    for name, when in settings.checks:
        if when == "always" and not textcheck.installed():
            raise SettingsError(f'checks.{name} = "always" needs the extra "ocr": pip install "perfuscope[ocr]"')
