"""What is not exported, and why: kinds of objects by an allow-list, single ones by a code."""

from enum import StrEnum

from pydicom.uid import (
    UID,
    CTImageStorage,
    MRImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
)

from core.errors import Rejected
from core.types import Reason
from dicom_node.prepare import SCREEN_CLASSES

ACQUIRED_CLASSES = frozenset(
    {
        str(NuclearMedicineImageStorage),
        str(CTImageStorage),
        str(MRImageStorage),
        str(PositronEmissionTomographyImageStorage),
    }
)
"""Images that a scanner writes: their pixels are counts and attenuation, and are kept as they are."""


class Refusal(StrEnum):
    """Why an object is not exported; the detail of a Rejected with reason NOT_EXPORTABLE."""

    STRUCTURED_REPORT = "structured_report"
    KEY_OBJECT_SELECTION = "key_object_selection"
    PRESENTATION_STATE = "presentation_state"
    ENCAPSULATED_DOCUMENT = "encapsulated_document"
    UNKNOWN_CLASS = "unknown_class"
    NESTED_TOO_DEEP = "sequences_nested_too_deep"
    UNREADABLE = "unreadable_header"
    NOT_ORIGINAL = "not_an_original_acquisition"
    BURNED_IN = "says_it_has_burned_in_text"
    TEXT_FOUND = "text_found_in_pixels"
    NO_PLAIN_PIXELS = "pixels_not_plain_grey"
    SYNTAX = "pixels_compressed_or_big_endian"
    LEFTOVER = "identifier_cannot_be_removed"


def refused(code: Refusal) -> Rejected:
    """The error for it."""
    return Rejected(Reason.NOT_EXPORTABLE, code.value)


def exportable(sop_class_uid: str) -> Refusal | None:
    """None if objects of this SOP class are exported, else why not.

    Structured reports and their kin are made of text whose cleaning a table of attributes cannot promise.
    """
    if sop_class_uid in SCREEN_CLASSES | ACQUIRED_CLASSES:
        return None
    name = UID(sop_class_uid).name
    kinds = {
        "Key Object": Refusal.KEY_OBJECT_SELECTION,
        "Presentation State": Refusal.PRESENTATION_STATE,
        "Encapsulated": Refusal.ENCAPSULATED_DOCUMENT,
        " SR ": Refusal.STRUCTURED_REPORT,
        "Report": Refusal.STRUCTURED_REPORT,
        "Procedure Log": Refusal.STRUCTURED_REPORT,
    }
    return next((code for words, code in kinds.items() if words in name), Refusal.UNKNOWN_CLASS)
