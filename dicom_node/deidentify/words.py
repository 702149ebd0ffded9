"""The words of a header that must not be found again in what is left of it."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement

from dicom_node.deidentify.table import Action, action
from dicom_node.deidentify.tree import walk
from dicom_node.deidentify.uids import well_known
from dicom_node.deidentify.vocabulary import vocabulary

_TEXT = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE"})
_UNLISTED_FREE_TEXT = frozenset({"LT", "ST", "UT", "UR"})
_NOBODY = frozenset(
    {
        *("dr", "md", "phd", "prof", "mr", "mrs", "ms", "jr", "sr", "med", "herr", "frau"),
        *("unknown", "anonymous", "anonymized", "none", "removed", "patient", "name", "test"),
    }
)
"""What stands in names and names nobody."""

_PATIENT_IDS = frozenset(
    {
        *("PatientID", "OtherPatientIDs", "AccessionNumber", "AdmissionID", "ServiceEpisodeID", "MedicalRecordLocator"),
        *("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"),
        *("ClinicalTrialSubjectID", "PatientTelephoneNumbers", "StudyID", "RequestedProcedureID"),
    }
)
"""Numbers of a patient: searched from three characters on."""


@dataclass(frozen=True, slots=True)
class Words:
    """What to look for, folded: without case and accents."""

    parts: frozenset[str] = field(repr=False)
    """Found anywhere in a text, in the middle of a word too."""
    whole: frozenset[str] = field(repr=False)
    """Too short for that: found as a word of its own."""
    numbers: frozenset[str] = field(repr=False)
    """Letters and digits of an identifier, found whatever stands between them."""
    names: frozenset[str] = field(repr=False)
    """Long names, whose beginnings are looked for as well: a short field may have cut them."""
    soft: frozenset[str] = field(repr=False)
    """Words of descriptions and addresses that the trade does not use."""


def folded(text: str) -> str:
    """Lower case without accents, so that one spelling finds the others."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def tokens(text: str) -> list[str]:
    """Runs of letters and digits."""
    return re.findall(r"[^\W_]+", text)


def squeezed(text: str) -> str:
    """The letters and digits alone."""
    return "".join(tokens(text))


def of_header(ds: Dataset) -> Words:
    """All words that ``ds`` says of somebody: in what is removed, replaced or emptied, at any depth."""
    names: set[str] = set()
    numbers: set[str] = set()
    short: set[str] = set()
    soft: set[str] = set()
    for _, element in walk(ds):
        texts = [folded(text) for text in _texts(element)]
        if element.VR == "PN":
            names.update(word for text in texts for word in tokens(text) if word not in _NOBODY)
        elif element.VR in {"DA", "DT"}:
            numbers.update(form for text in texts for form in _date_forms(text))
        elif element.VR == "UI":
            numbers.update(squeezed(text) for text in texts if len(text) > 10 and not well_known(text))
        elif _identifying(element):
            _take(texts, keyword_for_tag(element.tag), numbers=numbers, short=short, soft=soft)
    return Words(
        parts=frozenset(w for w in names if len(w) > 3 or (w and not w.isascii())),
        whole=frozenset(w for w in names if 1 < len(w) < 4) | frozenset(short),
        numbers=frozenset(numbers),
        names=frozenset(w for w in names if len(w) > 6),
        soft=frozenset(soft),
    )


def _identifying(element: DataElement) -> bool:
    """Text that does not stay as it is. Private text is left out: it is full of product names, and none of it stays."""
    if element.tag.is_private or element.VR not in _TEXT:
        return False
    return action(element.tag) is not Action.KEEP or element.VR in _UNLISTED_FREE_TEXT


def _take(texts: Iterable[str], keyword: str, *, numbers: set[str], short: set[str], soft: set[str]) -> None:
    for text in texts:
        found = tokens(text)
        whole = "".join(found)
        if len(text) <= 64 and _digits(whole) >= 3 and len(whole) >= 5:
            numbers.add(whole)
        numbers.update(word for word in found if _digits(word) >= 4 and len(word) >= 5)
        if keyword in _PATIENT_IDS and 2 < len(whole) < 5:
            short.add(whole)
        if keyword in _PATIENT_IDS and len(whole) >= 5:
            numbers.add(whole)
        soft.update(word for word in found if len(word) > 3 and word.isalpha() and word not in vocabulary())


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _texts(element: DataElement) -> list[str]:
    value = element.value
    if value is None or isinstance(value, bytes):
        return []
    many = value if isinstance(value, Iterable) and not isinstance(value, str) and element.VM > 1 else [value]
    return [str(one).strip("\0 ") for one in many]


def _date_forms(text: str) -> list[str]:
    """A date as people write it, without what stands between: year, month and day in each order."""
    found = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", text)
    if not found:
        return []
    year, month, day = found.groups()
    return [year + month + day, day + month + year, month + day + year]
