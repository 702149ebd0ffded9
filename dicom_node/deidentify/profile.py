"""The Basic Application Confidentiality Profile (PS3.15 E.1) over one data set."""

import warnings
from dataclasses import dataclass, field
from enum import StrEnum

from pydicom import Dataset
from pydicom.charset import python_encoding
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.errors import Rejected
from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.deidentify import elements, leftovers, statement, tree, words
from dicom_node.deidentify.dates import Dates
from dicom_node.deidentify.key import Key
from dicom_node.deidentify.leftovers import LeftoverReport
from dicom_node.deidentify.pseudonyms import Pseudonyms
from dicom_node.deidentify.refusal import Refusal, refused

_UTF8 = "ISO_IR 192"
_LUTS = ("ModalityLUTSequence", "VOILUTSequence")
_WHO = ("PatientID", "IssuerOfPatientID", "StudyInstanceUID")


class Pixels(StrEnum):
    """What is known of the pixels."""

    UNKNOWN = "unknown"
    CLEAN = "clean"
    """They were cleaned, or are an acquisition without text: Clean Pixel Data is claimed."""


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A de-identified data set and what the last look had to take out."""

    ds: Dataset = field(repr=False)
    report: LeftoverReport


def deidentify(ds: Dataset, *, key: Key, dates: Dates = Dates.REMOVED, pixels: Pixels = Pixels.UNKNOWN) -> Dataset:
    """A new data set without what identifies the patient in ``ds``, which stays as it is; pixels are taken over.

    Raises Rejected (NOT_EXPORTABLE): sequences nested too deep, an unreadable header, big endian, or an identifier
    that cannot be removed. The same object, key and choice of dates give the same result in every process.
    """
    return examined(ds, of=ds, key=key, dates=dates, pixels=pixels).ds


def examined(ds: Dataset, *, of: Dataset, key: Key, dates: Dates, pixels: Pixels) -> Deidentified:
    """As ``deidentify``, with its report; the words to look for are those of ``of``, which ``ds`` was made from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            return _examined(ds, of, key=key, dates=dates, pixels=pixels)
        except Rejected:
            raise
        except PYDICOM_ERRORS:
            raise refused(Refusal.UNREADABLE) from None


def _examined(ds: Dataset, of: Dataset, *, key: Key, dates: Dates, pixels: Pixels) -> Deidentified:
    who = Pseudonyms.of({name: _text(of, name) for name in _WHO}, key=key, dates_become=dates)
    made = tree.rebuilt(ds, lambda element: elements.deidentified(element, who))
    _drop_pictures_in_items(made)
    report = leftovers.remove(made, words.of_header(of))
    made.PatientID, made.PatientName = who.id_for(), who.name  # where there was none too: a set keeps patients apart
    _name_charset(made, ds)
    statement.state(made, dates=dates, clean_pixels=pixels is Pixels.CLEAN)
    _frame(made, ds)
    return Deidentified(made, report)


def _drop_pictures_in_items(made: Dataset) -> None:
    """Pixels and tables below the first level: nobody looked at them. The lookup tables of the image itself stay."""
    tables = {id(item) for keyword in _LUTS for item in made.get(keyword) or ()}
    for holder, element in tree.walk(made):
        if holder is made or element.VR not in elements.BULK:
            continue
        if not (id(holder) in tables and element.keyword == "LUTData"):
            del holder[element.tag]


def _text(ds: Dataset, keyword: str) -> str:
    return str(ds.get(keyword) or "").strip("\0 ")


def _name_charset(made: Dataset, source: Dataset) -> None:
    """Unicode where something but ASCII is left; else the source's character set, if it is one."""
    if not all(str(element.value).isascii() for _, element in tree.walk(made) if element.VR in _WORDED):
        made.SpecificCharacterSet = _UTF8
    elif _text(source, "SpecificCharacterSet") in python_encoding:
        made.SpecificCharacterSet = _text(source, "SpecificCharacterSet") or None


_WORDED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})


def _frame(made: Dataset, source: Dataset) -> None:
    """Preamble, file meta and transfer syntax: explicit little endian, or the compressed one that the pixels are in."""
    syntax = getattr(getattr(source, "file_meta", None), "TransferSyntaxUID", ExplicitVRLittleEndian)
    if syntax == ExplicitVRBigEndian:
        raise refused(Refusal.SYNTAX)
    plain = syntax in {ImplicitVRLittleEndian, ExplicitVRLittleEndian}
    made.preamble = bytes(128)
    made.file_meta = statement.file_meta(made, ExplicitVRLittleEndian if plain else syntax)
    if not plain and "PixelData" in made:
        made["PixelData"].is_undefined_length = True
