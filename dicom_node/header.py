"""Reads what the node must know of a received file: UIDs and identity, never the pixels."""

import errno
import re
from dataclasses import dataclass
from pathlib import Path

import pydicom

from core import MANUFACTURER, MODEL_NAME
from core.phi import Phi
from db.studies import Identity
from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.measured import Measured

_KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesDescription",
    "Manufacturer",
    "ManufacturerModelName",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyDate",
)

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
"""Not pydicom's ``is_valid``, which lets a line feed at the end pass."""


class UnparsableObject(Exception):  # noqa: N818 - named for what it is, PS3.4 B.2.3 "cannot understand"
    """The object's UIDs cannot be read or are not UIDs (PS3.5 9.1)."""


@dataclass(frozen=True, slots=True)
class Header:
    """The attributes that the node keeps in its tables."""

    sop_class_uid: str
    sop_instance_uid: Phi
    study_instance_uid: Phi
    series_instance_uid: Phi
    modality: Phi
    series_description: Phi
    ours: bool
    identity: Identity

    def __repr__(self) -> str:
        return "Header(...)"


def conformant(uid: str) -> bool:
    """Whether the text is a UID as PS3.5 9.1 has it: safe to compare, to store and to name in a report."""
    return len(uid) <= 64 and _UID.fullmatch(uid) is not None


def read(path: Path) -> Header:
    """The header of a DICOM file.

    Raises UnparsableObject if its UIDs cannot be read, and OSError if the file cannot.
    """
    try:
        with Measured(path) as file:
            ds = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_KEYWORDS))
            header = _header(ds)
    except OSError as error:
        if error.errno in {None, errno.EINVAL}:  # pydicom's own, or it went where a damaged length sent it
            raise UnparsableObject from None
        raise
    except PYDICOM_ERRORS:
        raise UnparsableObject from None
    uids = (header.sop_instance_uid, header.study_instance_uid, header.series_instance_uid)
    if not conformant(header.sop_class_uid) or not all(conformant(uid.reveal()) for uid in uids):
        raise UnparsableObject
    return header


def _header(ds: pydicom.Dataset) -> Header:
    return Header(
        sop_class_uid=_uid(ds, "SOPClassUID"),
        sop_instance_uid=Phi(_uid(ds, "SOPInstanceUID")),
        study_instance_uid=Phi(_uid(ds, "StudyInstanceUID")),
        series_instance_uid=Phi(_uid(ds, "SeriesInstanceUID")),
        modality=Phi(_text(ds, "Modality")[:64]),
        series_description=Phi(_text(ds, "SeriesDescription")[:255]),
        ours=_text(ds, "Manufacturer") == MANUFACTURER and _text(ds, "ManufacturerModelName") == MODEL_NAME,
        identity=Identity(
            patient_id=Phi(_text(ds, "PatientID")[:255]),
            patient_name=Phi(_text(ds, "PatientName")[:1024]),
            patient_birth_date=Phi(_text(ds, "PatientBirthDate")[:32]),
            accession_number=Phi(_text(ds, "AccessionNumber")[:255]),
            study_date=Phi(_text(ds, "StudyDate")[:32]),
        ),
    )


def _uid(ds: pydicom.Dataset, keyword: str) -> str:
    """As it is but for its padding; ``read`` judges it."""
    return str(ds.get(keyword) or "").strip("\0 ")


def _text(ds: pydicom.Dataset, keyword: str) -> str:
    """The value as one text that every database takes: some refuse NUL and lone surrogates."""
    value = ds.get(keyword)
    text = "" if value is None else str(value)
    return text.encode(errors="replace").decode().replace("\0", "").strip(" ")
