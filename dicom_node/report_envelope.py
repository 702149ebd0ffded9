"""What every object of ours has in common: whose it is, who made it and when, and how it becomes a file."""

import re
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO

from pydicom import dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from core import MANUFACTURER, MODEL_NAME, __version__
from core.phi import Phi
from core.types import ModelIdentity
from dicom_node import report_header
from dicom_node.report_provenance import ascii_only, describe_equipment

IMPLEMENTATION_CLASS_UID = UID("2.25.116509285990420953059826040742996200855")
IMPLEMENTATION_VERSION_NAME = "PERFUSCOPE"

VERBATIM = (
    "SpecificCharacterSet",
    "IssuerOfPatientID",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
    "StudyInstanceUID",
)
"""Taken over where the source has it."""
VERBATIM_OR_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Taken over, or empty: Type 2 attributes stand in an object without a value too."""


@dataclass(frozen=True, slots=True)
class Series:
    """The series of its own that an object of ours stands in."""

    modality: str
    uid: Phi
    number: int
    description: str


def envelope(
    source: Dataset,
    series: Series,
    *,
    sop_class_uid: str,
    sop_instance_uid: Phi,
    created_at: datetime,
    model: ModelIdentity | None,
) -> Dataset:
    """An object with file meta and everything but its content, in the study that ``source`` belongs to.

    ``source`` stays as it is; its patient and study attributes are taken over byte for byte, whatever they hold. Raises
    ValueError where it has no Study Instance UID or ``created_at`` no offset.
    """
    if created_at.utcoffset() is None:
        raise ValueError("a report's created_at needs a UTC offset")
    if not report_header.text(source, "StudyInstanceUID"):
        raise ValueError("the source has no Study Instance UID that a report could be filed under")
    made = Dataset()
    made.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=report_header.encodings(source)
    )
    _copy_identity(made, source)
    made.SOPClassUID, made.SOPInstanceUID = sop_class_uid, sop_instance_uid.reveal()
    made.InstanceNumber = 1
    made.Modality = series.modality
    made.SeriesInstanceUID = series.uid.reveal()
    made.SeriesNumber = series.number
    made.SeriesDescription = ascii_only(series.description)
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    made.SoftwareVersions = ascii_only(__version__)
    local = created_at.astimezone(zone_of(source) or created_at.tzinfo)
    _set_times(made, local)
    describe_equipment(made, model, local)
    made.file_meta = _file_meta(sop_class_uid, sop_instance_uid)
    return made


def to_bytes(made: Dataset) -> bytes:
    """The complete DICOM file (PS3.10) with a zero preamble; the same object always gives the same bytes."""
    buffer = BytesIO()
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def zone_of(source: Dataset) -> timezone | None:
    """The offset that the source's times are in (PS3.3 C.12.1.1), None where it says none."""
    found = re.fullmatch(r"([+-])(\d\d)([0-5]\d)", report_header.text(source, "TimezoneOffsetFromUTC"))
    if not found or int(found[2]) > 14:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def _copy_identity(made: Dataset, source: Dataset) -> None:
    for keyword in VERBATIM + VERBATIM_OR_EMPTY:
        element = report_header.raw_element(source, keyword)
        if element is None and keyword in VERBATIM_OR_EMPTY:
            element = report_header.raw(tag_for_keyword(keyword) or 0, b"")
        if element is not None:
            made[element.tag] = element


def _set_times(made: Dataset, at: datetime) -> None:
    day, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    for kind in ("Series", "Content", "InstanceCreation"):
        setattr(made, f"{kind}Date", day)
        setattr(made, f"{kind}Time", time)
    made.InstanceCreatorUID = IMPLEMENTATION_CLASS_UID


def _file_meta(sop_class_uid: str, sop_instance_uid: Phi) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid.reveal())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
