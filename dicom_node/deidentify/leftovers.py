"""The last look: what is left of a header, searched for words of the original and for what looks like an identifier."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement

from dicom_node.deidentify.elements import dummy
from dicom_node.deidentify.refusal import Refusal, refused
from dicom_node.deidentify.tree import walk
from dicom_node.deidentify.uids import well_known
from dicom_node.deidentify.vocabulary import vocabulary
from dicom_node.deidentify.words import Words, folded, squeezed, tokens

_SEARCHED = frozenset({"AE", "CS", "DS", "IS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})

_OURS = frozenset({"PatientID", "PatientName"})
"""Pseudonyms, which a short name may well be a part of."""

_EQUIPMENT = frozenset({"Manufacturer", "ManufacturerModelName", "SoftwareVersions"})
"""Product names stand in descriptions too: here only names of people and identifiers count."""

_NO_PATTERNS = _EQUIPMENT | {"CodeValue", "CodingSchemeVersion", "LongCodeValue", "URNCodeValue", "CodingSchemeURL"}
"""Versions look like dates and codes like numbers: here only what the header itself says counts."""

_INDISPENSABLE = frozenset(
    {
        *("Modality", "ImageType", "PhotometricInterpretation", "ConversionType", "NumberOfFrames"),
        *("Units", "CorrectedImage", "SeriesType", "DecayCorrection", "CountsSource", "ScanningSequence"),
        *("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept"),
    }
)
"""An image is none without these: a hit there cannot be removed."""

_PATTERNS = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+"  # mail addresses
    r"|\+\d[\d ()/.-]{6,}\d|\(?\b\d{2,5}\)?[ /-]{1,2}\d{2,4}[ /-]?\d{3,}"  # telephone and social security numbers
    r"|\b(?:19|20)\d{2}([-/.])\d{1,2}\1\d{1,2}\b|\b\d{1,2}([-/.])\d{1,2}\2(?:19|20)?\d{2}\b"  # dates
    r"|\b(?:(?:dr|mrs|prof|herr|frau)\b\.?\s*|(?:mr|ms|pat|pt)\.\s*|(?:patient|name)\s*[:=]\s*)[^\W\d_]{2,}"  # names
    r"|\b(?:mrn|ssn|dob|pid|acc(?:ession)?|born|geb)\b[\s.:=#]*(?:no|nr|number)?[\s.:=#]*\d",  # a number of somebody
    re.IGNORECASE,
)
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{0,16}")
"""PS3.5 6.2; anything else in a CS is no defined term."""
_UID = re.compile(r"\d+(?:\.\d+){5,}")
_SHORTEST_BEGINNING = 6
_SHORTEST_NUMBER = 5
_SHORTEST_IN_A_CODE = 4


@dataclass(frozen=True, slots=True)
class LeftoverReport:
    """How often something was found after the table had done its work, by tag; never what."""

    removed: Mapping[str, int]

    def as_dict(self) -> dict[str, int]:
        """Counts by tag, for JSON."""
        return dict(self.removed)


def remove(ds: Dataset, words: Words) -> LeftoverReport:
    """Replace in ``ds`` every value with a hit by a dummy; a code string is emptied.

    Raises Rejected (NOT_EXPORTABLE) for a hit in what an image cannot do without.
    """
    found: Counter[str] = Counter()
    verdicts: dict[tuple[str, str], bool] = {}
    for holder, element in walk(ds):
        if element.VR not in _SEARCHED or element.is_empty or keyword_for_tag(element.tag) in _OURS:
            continue
        if any(_hit(text, element, words, verdicts) for text in _texts(element.value)):
            if keyword_for_tag(element.tag) in _INDISPENSABLE:
                raise refused(Refusal.LEFTOVER)
            holder.add(DataElement(element.tag, element.VR, None if element.VR == "CS" else dummy(element.VR)))
            found[str(element.tag)] += 1
    return LeftoverReport(dict(found))


def _texts(value: Any) -> Iterable[str]:
    many = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    return [str(one) for one in many]


def _hit(text: str, element: DataElement, words: Words, verdicts: dict[tuple[str, str], bool]) -> bool:
    keyword = keyword_for_tag(element.tag)
    asked = (text, f"{element.VR} {keyword}")
    if asked not in verdicts:
        verdicts[asked] = _identifies(text, element.VR, keyword, words)
    return verdicts[asked]


def _identifies(text: str, vr: str, keyword: str, words: Words) -> bool:
    plain = folded(text)
    if vr in {"DS", "IS"}:
        digits = re.sub(r"\.0*$", "", plain.strip()).lstrip("+0")
        return len(digits) >= _SHORTEST_NUMBER and any(digits == number.lstrip("0") for number in words.numbers)
    if vr == "CS" and _CODE_STRING.fullmatch(text.strip()):  # a defined term stays, though somebody is called so
        shortest = _SHORTEST_IN_A_CODE if keyword in _INDISPENSABLE else 0  # an operator may be called NM
        plain = " ".join(word for word in tokens(plain) if word not in vocabulary() and len(word) >= shortest)
    return (
        _named(plain, words)
        or (keyword not in _EQUIPMENT and vr != "CS" and _described(plain, words))
        or (keyword not in _NO_PATTERNS and _PATTERNS.search(plain) is not None)
        or any(not well_known(uid) for uid in _UID.findall(plain))
    )


def _named(plain: str, words: Words) -> bool:
    """A name, a part of one, or an identifier."""
    alone, together = tokens(plain), squeezed(plain)
    if any(word in plain for word in words.parts) or not words.whole.isdisjoint(alone):
        return True
    if any(number in together for number in words.numbers):
        return True
    begun = [word for word in alone if len(word) >= _SHORTEST_BEGINNING and word not in vocabulary()]
    return any(name.startswith(word) for word in begun for name in words.names)


def _described(plain: str, words: Words) -> bool:
    """A word of a description, alone or, if long, within another."""
    return not words.soft.isdisjoint(tokens(plain)) or any(word in plain for word in words.soft if len(word) > 5)
