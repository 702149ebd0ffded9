"""Walking a data set with all its sequences, without recursion: depth is a limit and no accident."""

import warnings
from collections.abc import Callable, Iterator

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.deidentify.refusal import Refusal, refused

MAX_DEPTH = 32
"""Sequences within sequences; the deepest standard object known nests fewer than ten."""


def walk(ds: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element that can be read, with the data set or item it stands in; raises Rejected below MAX_DEPTH."""
    waiting = [(ds, 0)]
    while waiting:
        holder, depth = waiting.pop()
        for tag in sorted(holder.keys()):
            element = read(holder, tag)
            if element is None:
                continue
            yield holder, element
            if element.VR == "SQ":
                waiting += [(item, deeper(depth)) for item in element.value or ()]


def rebuilt(ds: Dataset, keep: Callable[[DataElement], DataElement | None]) -> Dataset:
    """A new data set of what ``keep`` returns; the items of a sequence that it returns are rebuilt likewise."""
    made = Dataset()
    waiting = [(ds, made, 0)]
    while waiting:
        source, target, depth = waiting.pop()
        for tag in sorted(source.keys()):
            if tag.is_private or (element := read(source, tag)) is None or (kept := keep(element)) is None:
                continue
            if kept.VR == "SQ":
                pairs = [(item, Dataset(), deeper(depth)) for item in kept.value or ()]
                kept = DataElement(kept.tag, "SQ", Sequence([item for _, item, _ in pairs]))
                waiting += pairs
            target.add(kept)
    return made


def read(holder: Dataset, tag: BaseTag) -> DataElement | None:
    """The element with its value converted; None where pydicom cannot make sense of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            return holder[tag]
        except PYDICOM_ERRORS:
            return None


def deeper(depth: int) -> int:
    """One level down; raises Rejected where nobody goes."""
    if depth >= MAX_DEPTH:
        raise refused(Refusal.NESTED_TOO_DEEP)
    return depth + 1
