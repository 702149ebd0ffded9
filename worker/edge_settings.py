"""Whether an edge worker can do anything with its settings, asked without loading what does its work."""

from core.errors import SettingsError
from core.settings import Settings
from dicom_node import layouts, rules


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` for view rules that name no DICOM attribute and checks that nothing here can do.

    ``LayoutError`` for a bad layout file.
    """
    rules.in_force(settings)
    layouts.load_all(settings.layout_files)
    always = [name for name, when in settings.checks if when == "always"]
    if always and not _reads():
        raise SettingsError(f'checks.{always[0]} = "always" needs the extra "ocr": pip install "perfuscope[ocr]"')


def _reads() -> bool:
    from dicom_node import textcheck  # noqa: PLC0415 - loads what finds writing, which most settings do not ask for

    return textcheck.installed()
