"""What becomes of one attribute: by the table's action, and where the table is silent by a list of what may stay."""

from collections.abc import Iterable
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_is_retired, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dicom_node.deidentify import dates, tree
from dicom_node.deidentify.pseudonyms import Pseudonyms
from dicom_node.deidentify.table import EMPTIED, Action, action, known_vrs

DUMMY_TEXT = "REMOVED"

_CHARACTER_SET = Tag(0x00080005)
"""Named anew for the whole data set: items may have brought their own."""

_GROUPS_DROPPED = frozenset({0x0000, 0x0002, 0x0004, 0x0006, 0x0400, 0x4FFE, 0xFFFA, 0xFFFC})
"""Command, file meta, directory, signatures and encryption, trailing padding: none describes an image."""

_TEMPORAL = frozenset({"DA", "TM", "DT"})
_NEVER_SHIFTED = frozenset({"PatientBirthDate", "PatientBirthTime", "PatientBirthDateInAlternativeCalendar"})
_FREE_TEXT = frozenset({"LT", "ST", "UT", "UC", "UR", "PN"})
BULK = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
_SHORT_TEXT = frozenset({"LO", "SH"})
"""Names and labels: what the standard retired of these, no image needs."""

_KEPT_OF_THESE = frozenset(
    {
        *("LongCodeValue", "URNCodeValue", "CodingSchemeName", "CodingSchemeURL"),
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "LUTData"),
        *("RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData"),
    }
)
"""Free text and bulk data that no entry of the table names, and that stays: everything else of these kinds goes."""

_EMPTY_SEQUENCES = frozenset({"AcquisitionContextSequence"})
"""Of the sequences that may be emptied instead of removed, the one of type 2; the others are of type 3."""


_REFERENCE = (
    *("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "ReferencedFrameNumber", "ReferencedSegmentNumber"),
    *("PurposeOfReferenceCodeSequence", "SpatialLocationsPreserved"),
)


def deidentified(element: DataElement, who: Pseudonyms) -> DataElement | None:
    """The element as it may leave, None if it may not; the items of a sequence are another matter."""
    tag, vr = element.tag, element.VR
    if _dropped(tag, vr):
        return None
    act = action(tag)
    if vr == "SQ":
        return _sequence(element, act)
    if act is Action.REMOVE and not (vr in _TEMPORAL and who.shift):
        return None
    if act is Action.KEEP and not _stays(tag, vr):
        return DataElement(tag, vr, None) if vr == "PN" else None
    if element.is_empty:
        return None if act is Action.REMOVE else DataElement(tag, vr, None)
    return _valued(element, act, who)


def _dropped(tag: BaseTag, vr: str) -> bool:
    """Private, unknown, in another VR than its own, or of a group that does not belong here."""
    odd = tag.is_private or tag.element == 0 or tag.group in _GROUPS_DROPPED or tag.group >> 8 in {0x50, 0x60}
    alone = tag_for_keyword(keyword_for_tag(tag)) == tag  # not one of a group that repeats
    return odd or not alone or vr not in known_vrs(int(tag)) or tag == _CHARACTER_SET


def _stays(tag: BaseTag, vr: str) -> bool:
    """Whether an attribute that the table does not name may keep its value."""
    if vr in _FREE_TEXT | BULK:
        return keyword_for_tag(tag) in _KEPT_OF_THESE
    return vr not in _SHORT_TEXT or not dictionary_is_retired(tag)


def _sequence(element: DataElement, act: Action) -> DataElement | None:
    keyword = keyword_for_tag(element.tag)
    if act is Action.KEEP:
        return element
    if act is Action.REMOVE_EMPTY_OR_UID:
        return DataElement(element.tag, "SQ", Sequence([_reference(item) for item in element.value or ()]))
    if act is Action.EMPTY or keyword in _EMPTY_SEQUENCES:
        return DataElement(element.tag, "SQ", [])
    return None


def _reference(item: Dataset) -> Dataset:
    """Of a reference to an image what names it; anything else in such an item has no business there."""
    made = Dataset()
    for keyword in _REFERENCE:
        if keyword in item and (element := tree.read(item, Tag(keyword))) is not None:
            made.add(element)
    return made


def _valued(element: DataElement, act: Action, who: Pseudonyms) -> DataElement | None:
    tag, vr, keyword = element.tag, element.VR, keyword_for_tag(element.tag)
    if vr == "UI":
        return DataElement(tag, vr, _each(element.value, who.uid_for))
    if keyword == "PatientID":
        return DataElement(tag, vr, _each(element.value, who.id_for))
    if keyword == "PatientName":
        return DataElement(tag, vr, who.name)
    if vr in _TEMPORAL:
        return _temporal(element, act, who)
    if act is Action.KEEP:
        return DataElement(tag, vr, _copied(element.value))
    return DataElement(tag, vr, None if act in EMPTIED else dummy(vr))


def _temporal(element: DataElement, act: Action, who: Pseudonyms) -> DataElement | None:
    """Moved, if dates are moved and it is a date; else removed, emptied or a dummy. A birth date is never moved."""
    tag, vr = element.tag, element.VR
    if who.shift is not None and keyword_for_tag(tag) not in _NEVER_SHIFTED:
        moved = [dates.shifted(str(one), vr, who.shift) for one in _values(element.value)]
        if None not in moved:
            return DataElement(tag, vr, moved[0] if len(moved) == 1 else moved)
    if act is Action.REMOVE:
        return None
    return DataElement(tag, vr, None if act in EMPTIED else dates.DUMMIES[vr])


def dummy(vr: str) -> Any:
    """A value that is valid in the VR and says nothing."""
    if vr in dates.DUMMIES:
        return dates.DUMMIES[vr]
    if vr in BULK:
        return b"\0\0"
    numbers = {"AS": "000Y", "UR": "urn:removed", "DS": "0", "IS": "0", "AT": 0}
    return numbers.get(vr, 0 if vr in {"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"} else DUMMY_TEXT)


def _values(value: Any) -> Iterable[Any]:
    return value if isinstance(value, MultiValue | list | tuple) else [value]


def _each(value: Any, change: Any) -> Any:
    changed = [change(str(one)) for one in _values(value)]
    return changed[0] if len(changed) == 1 else changed


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, MultiValue | list) else value
