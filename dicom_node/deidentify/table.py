"""What PS3.15 Table E.1-1 (edition 2026c) says of each attribute, taken from dicom-anonymizer."""

from enum import StrEnum
from functools import cache

from dicomanonymizer.simpledicomanonymizer import initialize_actions
from pydicom.datadict import dictionary_VR
from pydicom.tag import BaseTag

EDITION = "dicomfields_2026c"
"""By name: the package's default is an older edition that misses attributes."""


class Action(StrEnum):
    """The Basic Profile's action codes (PS3.15 E.1.1), by the name of the function the package has for each."""

    REMOVE = "delete"
    """X"""
    EMPTY = "empty"
    """Z"""
    DUMMY = "replace"
    """D"""
    UID = "replace_UID"
    """U"""
    EMPTY_OR_DUMMY = "empty_or_replace"
    """Z/D"""
    REMOVE_OR_EMPTY = "delete_or_empty"
    """X/Z"""
    REMOVE_OR_DUMMY = "delete_or_replace"
    """X/D"""
    REMOVE_EMPTY_OR_DUMMY = "delete_or_empty_or_replace"
    """X/Z/D"""
    REMOVE_EMPTY_OR_UID = "delete_or_empty_or_replace_UID"
    """X/Z/U*"""
    KEEP = "keep"
    """Not in the table."""


EMPTIED = frozenset({Action.EMPTY, Action.REMOVE_OR_EMPTY})
"""X/Z is taken as Z: an empty value fits where an attribute is of type 2 and where it is of type 3.

Where D is one of the choices it is taken: a dummy fits type 1, 2 and 3, in every IOD.
"""


@cache
def _actions() -> dict[int, Action]:
    listed = initialize_actions(EDITION).items()
    return {tag[0] << 16 | tag[1]: Action(function.__name__) for tag, function in listed if len(tag) == 2}


def action(tag: BaseTag) -> Action:
    """What becomes of the attribute; curves and overlays, which the table has as ranges, never get as far as here."""
    return _actions().get(int(tag), Action.KEEP)


def listed() -> frozenset[int]:
    """The tags of all attributes that the table names one by one."""
    return frozenset(_actions())


@cache
def known_vrs(tag: int) -> frozenset[str]:
    """The VRs that the dictionary allows for a standard attribute; none for an unknown one."""
    try:
        said = dictionary_VR(tag)
    except KeyError:
        return frozenset()
    return frozenset({said, *said.split(" or ")})
