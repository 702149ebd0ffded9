"""Files that pydicom may read: their claims cost no more memory and time than an honest header does."""

from io import BufferedReader, BytesIO, FileIO
from pathlib import Path

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.tag import BaseTag

MOST_READS = 500_000
"""A header is read in a few reads an element or item; an honest one has thousands. A million empty items, 8 MB on the
wire, would take 700 MB and more than a minute."""

DEEPEST = 32
"""Levels of sequences; the deepest that the standard's own modules reach is about ten."""


class Measured(BufferedReader):
    """A file that never makes room for more than it has, where a damaged length would ask for 4 GB.

    Nor is it read in more than ``MOST_READS`` pieces: EOFError.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self._size = path.stat().st_size
        self._left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, as many as there are."""
        self._left = _one_less(self._left)
        rest = max(self._size - self.tell(), 0)
        return super().read(rest if size is None or size < 0 else min(size, rest))


class InMemory(BytesIO):
    """The content of such a file."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, as many as there are."""
        self._left = _one_less(self._left)
        return super().read(size)


def _one_less(left: int) -> int:
    if left <= 0:
        raise EOFError
    return left - 1


def too_deep(ds: Dataset) -> bool:
    """Whether sequences are nested deeper than ``DEEPEST``: what walks a data set would fall over it later.

    Sequences of a defined length are read level by level, however deep they say they are.
    """
    level = [ds]
    for _ in range(DEEPEST):
        level = [item for one in level for tag in _sequences(one) for item in one[tag].value or ()]
        if not level:
            return False
    return True


def _sequences(ds: Dataset) -> list[BaseTag]:
    """Tags of elements that are sequences, without reading the others."""
    return [tag for tag in ds.keys() if _vr(ds, tag) == "SQ"]  # noqa: SIM118 - iteration would read every element


def _vr(ds: Dataset, tag: BaseTag) -> str | None:
    vr = ds.get_item(tag).VR
    return vr if vr not in {None, "UN"} or not dictionary_has_tag(tag) else dictionary_VR(tag)
