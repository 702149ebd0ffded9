"""What marks objects in a PACS as rejected: a Key Object Selection (PS3.3 A.35.4, PS3.16 TID 2010; IHE RAD IOCM)."""

import warnings
from collections.abc import Sequence
from datetime import datetime

from highdicom import ko
from highdicom.sr import CodeContentItem, ContentSequence
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage

from core.phi import Phi
from dicom_node import structured_codes as codes
from dicom_node.report_envelope import Series, envelope
from dicom_node.report_provenance import SourceReference, device_uid, study_references
from dicom_node.structured_content import observer

_WHY = "Superseded by a newer revision of the result"


def build_rejection(
    rejected: Sequence[SourceReference],
    source: Dataset,
    *,
    sop_instance_uid: Phi,
    series_instance_uid: Phi,
    created_at: datetime,
    series_number: int = 9003,
) -> Dataset:
    """A Key Object Selection "Rejected for Quality Reasons" of objects of ours, all in the study of ``source``.

    ``source`` is the header of one of the study's objects, ours or not, and stays as it is; its patient and study
    attributes are taken over byte for byte. Raises ValueError without objects, where ``source`` has no Study Instance
    UID, or ``created_at`` no offset.
    """
    if not rejected:
        raise ValueError("a rejection needs objects that it rejects")
    made = envelope(
        source,
        Series("KO", series_instance_uid, series_number, "Perfuscope MPI result superseded, unverified"),
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        sop_instance_uid=sop_instance_uid,
        created_at=created_at,
        model=None,
    )
    made.ReferencedPerformedProcedureStepSequence = []
    made.CurrentRequestedProcedureEvidenceSequence = study_references(source, rejected)
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        selection = ko.KeyObjectSelection(
            codes.REJECTED_FOR_QUALITY,
            [_selected(one) for one in rejected],
            observer_device_context=observer(device_uid(None), None),
            description=_WHY,
        )
    _complete(selection[0].ContentSequence)
    for element in selection[0]:
        made[element.tag] = element
    return made


def _complete(items: ContentSequence) -> None:
    """As TID 2010 has it: with the modifier of this title (row 3), none of whose values (CID 7011) says "superseded".

    highdicom gives each reference a concept name; the template has none.
    """
    for item in items:
        if "ReferencedSOPSequence" in item:
            del item.ConceptNameCodeSequence
    items.insert(0, CodeContentItem(codes.TITLE_MODIFIER, codes.OTHER_FAILURE, "HAS CONCEPT MOD"))


def _selected(one: SourceReference) -> Dataset:
    """An object as highdicom looks at it: one with rows and columns is an image, any other a document."""
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = one.sop_class_uid, one.sop_instance_uid.reveal()
    if one.sop_class_uid == SecondaryCaptureImageStorage:
        item.Rows = item.Columns = 1
    return item
