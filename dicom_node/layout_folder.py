"""The folder of layouts drawn or added at a site: each file there is in force. Files come and go whole."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import PerfuscopeError, Unavailable
from core.orders import LAYOUT_NAME
from core.settings import Settings
from dicom_node import layouts
from dicom_node.layouts import Layout


@dataclass(frozen=True, slots=True)
class LayoutFolder:
    """The folder, and the layout files that the settings name beside it."""

    folder: Path
    named: tuple[Path, ...]

    @classmethod
    def of(cls, settings: Settings) -> "LayoutFolder":
        """As the settings have it."""
        return cls(settings.drawn_layouts, settings.layouts)

    def path(self, name: str) -> Path:
        """Where the layout of that name is, or would be; PerfuscopeError for a name that could lead elsewhere."""
        if not LAYOUT_NAME.fullmatch(name):
            raise PerfuscopeError("a layout kept here is called 2 to 48 of a-z, 0-9 and -, a letter first")
        return self.folder / f"{name}.toml"

    def content(self, name: str) -> bytes | None:
        """The layout's file as it is now; None where there is none, PerfuscopeError where it cannot be read."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PerfuscopeError(f"the folder of layouts cannot be used: {_why(error)}") from None

    def check(self, layout: Layout) -> None:
        """Raise LayoutError where the layout cannot be in force beside the others; one of its own name steps aside."""
        others = (*self.named, *sorted(self.folder.glob("*.toml")))
        beside = [layouts.load(path) for path in others if path != self.path(layout.name)]
        layouts.check_together((*layouts.shipped(), *beside, layout))

    def put(self, layout: Layout, content: bytes, *, before: bytes | None) -> None:
        """Put the layout's file in force, durably; the same again changes nothing.

        Raises Unavailable where it is no longer what it was ``before``, so that it is judged anew, LayoutError where
        another layout came that does not go with it, and PerfuscopeError where it cannot be written.
        """
        with self._alone() as folder:
            if self.content(layout.name) not in {before, content}:
                raise Unavailable("layout_changed_meanwhile")
            self.check(layout)
            self._write(layout.name, content)
            os.fsync(folder)  # without it a power cut may bring the old file back

    def remove(self, name: str) -> None:
        """Take the layout out of force, durably; its file is gone. PerfuscopeError where there is none of that name."""
        with self._alone() as folder:
            try:
                self.path(name).unlink()
                os.fsync(folder)
            except FileNotFoundError:
                raise PerfuscopeError(f"no layout {name!r} was drawn or added here") from None

    def _write(self, name: str, content: bytes) -> None:
        path = self.path(name)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            part.replace(path)
        except OSError as error:
            raise PerfuscopeError(f"the layout's file could not be written: {_why(error)}") from None

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """While nobody else on this machine changes the folder; its descriptor."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise PerfuscopeError(f"the folder of layouts cannot be used: {_why(error)}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
