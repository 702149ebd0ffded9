"""The layouts that screens are asked for now: those of the settings, and those drawn on the pages since."""

import logging
from collections.abc import Iterator, Sequence
from typing import overload

from core.settings import Settings
from dicom_node import layouts
from dicom_node.layouts import Layout, LayoutError

log = logging.getLogger("perfuscope.layouts")

_Stamp = tuple[tuple[str, int, int], ...]


class LayoutsInForce(Sequence[Layout]):
    """Read again as soon as a file came or changed; a file that is wrong leaves those in force that were."""

    def __init__(self, settings: Settings) -> None:
        """Raises LayoutError for a wrong file."""
        self._settings = settings
        self._stamp = self._seen()
        self._known = layouts.load_all(settings.layout_files)

    def _now(self) -> tuple[Layout, ...]:
        stamp = self._seen()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._known = layouts.load_all(self._settings.layout_files)
            except LayoutError as error:
                log.error("layouts are left as they were: %s", error)  # noqa: TRY400 - its sentence says it all
        return self._known

    def _seen(self) -> _Stamp:
        found = []
        for path in self._settings.layout_files:
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def __iter__(self) -> Iterator[Layout]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    @overload
    def __getitem__(self, index: int) -> Layout: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Layout, ...]: ...

    def __getitem__(self, index: int | slice) -> Layout | tuple[Layout, ...]:
        return self._now()[index]
