"""Reads what the node must know of a received file: UIDs and identity, never the pixels."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from core import MANUFACTURER, MODEL_NAME
from db.studies import Identity

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

_PARSE_ERRORS = (
    InvalidDicomError,
    AttributeError,
    EOFError,
    KeyError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on broken input, as found by feeding it broken input."""


class UnparsableObject(Exception):  # noqa: N818 - named for what it is, PS3.4 B.2.3 "cannot understand"
    """The object's UIDs cannot be read or are not UIDs (PS3.5 9.1)."""


@dataclass(frozen=True, slots=True)
class Header:
    """The attributes that the node keeps in its tables."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    series_description: str
    ours: bool
    identity: Identity

    def __repr__(self) -> str:
        return "Header(...)"


def conformant(uid: str) -> bool:
    """Whether the text is a UID as PS3.5 9.1 has it: safe to compare, to store and to name in a report."""
    return bool(uid) and UID(uid).is_valid


def read(path: Path) -> Header:
    """The header of a DICOM file; UnparsableObject if its UIDs cannot be read."""
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_KEYWORDS))
        header = _header({keyword: _text(ds, keyword) for keyword in _KEYWORDS})
    except _PARSE_ERRORS:
        raise UnparsableObject from None
    uids = (header.sop_class_uid, header.sop_instance_uid, header.study_instance_uid, header.series_instance_uid)
    if not all(conformant(uid) for uid in uids):
        raise UnparsableObject
    return header


def _text(ds: pydicom.Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value).strip("\0 ")


def _header(text: dict[str, str]) -> Header:
    return Header(
        sop_class_uid=text["SOPClassUID"],
        sop_instance_uid=text["SOPInstanceUID"],
        study_instance_uid=text["StudyInstanceUID"],
        series_instance_uid=text["SeriesInstanceUID"],
        modality=text["Modality"][:64],
        series_description=text["SeriesDescription"][:255],
        ours=text["Manufacturer"] == MANUFACTURER and text["ManufacturerModelName"] == MODEL_NAME,
        identity=Identity(
            patient_id=text["PatientID"][:255],
            patient_name=text["PatientName"][:1024],
            patient_birth_date=text["PatientBirthDate"][:32],
            accession_number=text["AccessionNumber"][:255],
            study_date=text["StudyDate"][:32],
        ),
    )
