"""What a report takes over from its source's header: verbatim as bytes, and as text for the page."""

import warnings
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import Tag
from pydicom.valuerep import TEXT_VR_DELIMS, PersonName

from core.phi import NOTHING, Phi

LONGEST_VALUE = 0xFFFE
"""The longest value in bytes that a short explicit VR can hold (PS3.5 7.1.2)."""

_DEFAULT = "iso8859"


@dataclass(frozen=True, slots=True)
class Header:
    """Who and what a report is about; empty where the source says nothing that can be read."""

    patient_name: Phi = NOTHING
    """All component groups, joined by ``=`` as DICOM writes them."""
    patient_id: Phi = NOTHING
    birth_date: Phi = NOTHING
    sex: Phi = NOTHING
    study_date: Phi = NOTHING
    study_time: Phi = NOTHING
    accession_number: Phi = NOTHING

    @classmethod
    def of(cls, source: Dataset) -> "Header":
        """The header of ``source``, which stays as it is; a value that cannot be read becomes empty."""
        return cls(
            patient_name=Phi(text(source, "PatientName")),
            patient_id=Phi(text(source, "PatientID")),
            birth_date=Phi(text(source, "PatientBirthDate")),
            sex=Phi(text(source, "PatientSex")),
            study_date=Phi(text(source, "StudyDate")),
            study_time=Phi(text(source, "StudyTime")),
            accession_number=Phi(text(source, "AccessionNumber")),
        )


def text(source: Dataset, keyword: str) -> str:
    """The value of ``keyword`` as text without padding, empty where it is missing or cannot be read."""
    element = raw_element(source, keyword)
    if element is None or not element.value:
        return ""
    charsets = encodings(source)
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        try:
            if element.VR == "PN":
                return str(PersonName(element.value, charsets)).strip(" \0")
            return decode_bytes(element.value, charsets, TEXT_VR_DELIMS).strip(" \0")
        except (ValueError, LookupError):
            return ""


def raw_element(source: Dataset, keyword: str) -> RawDataElement | None:
    """The element of ``keyword`` as it would stand in an Explicit VR Little Endian file, value bytes untouched.

    None where the source has no such element or its value cannot be encoded. Text VRs only.
    """
    element = _item(source, keyword)
    if element is None:
        return None
    value = element.value or b"" if isinstance(element, RawDataElement) else _encoded(element, source)
    if value is None or len(value) > LONGEST_VALUE:
        return None
    return raw(element.tag, value)


def raw(tag: int, value: bytes) -> RawDataElement:
    """An element of the text attribute ``tag`` with these value bytes, padded to an even length."""
    vr = dictionary_VR(tag)
    padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    return RawDataElement(Tag(tag), vr, len(padded), padded, 0, is_implicit_VR=False, is_little_endian=True)


def _item(source: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    """The element as the source holds it, undecoded if it has not been decoded before."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return source.get_item(tag) if tag in source else None


def _encoded(element: DataElement, source: Dataset) -> bytes | None:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            write_data_element(buffer, element, encodings(source))
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
    return buffer.getvalue()[8:]


def encodings(source: Dataset) -> str | list[str]:
    """Python's names of the source's character sets, just as pydicom derives them; Latin-1 where they are unknown."""
    element = _item(source, "SpecificCharacterSet")
    if element is None:
        return _DEFAULT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if isinstance(element, RawDataElement):
                element = convert_raw_data_element(element)
            return convert_encodings(element.value)
        except (LookupError, ValueError):
            return _DEFAULT
