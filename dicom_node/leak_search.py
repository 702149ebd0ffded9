"""A last look at what is about to leave: the words of the original header, searched in the bytes of the written file.

Independent of the de-identification on purpose: it knows no table of attributes, takes its words from the original and
reads the file as plain bytes, so that one mistake cannot hide itself in both.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import product

from pydicom import DataElement, Dataset
from pydicom.charset import python_encoding

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_SHORTEST = 4
"""Shorter words occur by chance: in letters, and for other scripts, whose names are short, in bytes."""

_WHOLE = frozenset({"LO", "SH", "UI", "DA", "DT", "AS", "UC", "AE"})
"""Value representations whose values are searched as they stand."""

_IDENTIFYING = re.compile(
    r"Patient(?!Position|Orientation|sSex)|Organization|Department|Accession|Institution|Physician|Operator|Station|Serial|"
    r"(Study|Series|SOP|Frame).*UID|BirthDate|Telephone|Address|Issuer|RequestingService|StudyID|ProcedureStepID"
)
"""Keywords of attributes whose values name people, places or objects; of others only names and UIDs are searched."""

_STANDARD_UID = "1.2.840.10008."
_NUMBERS = re.compile(rb"[0-9.]+")
_ENCODINGS = tuple(sorted({"utf_8", *python_encoding.values()}))


def words(ds: Dataset) -> frozenset[bytes]:
    """What of a header must not be found: identifying values, each name's components, UIDs that are no standard's."""
    found: set[str] = set()
    for element in _elements(ds):
        if element.VR == "PN":
            found.update(_WORD.findall(str(element.value)))
        elif element.VR == "UI":
            found.update(v for v in _texts(element) if not v.startswith(_STANDARD_UID))
        elif element.VR in _WHOLE and _IDENTIFYING.search(element.keyword):
            found.update(_texts(element))
    return frozenset(spelt for word in found for spelt in _spellings(word))


def hits(content: bytes, wanted: frozenset[bytes]) -> int:
    """How many of the words stand in the bytes as words of their own, in upper or lower case."""
    folded = content.lower()
    return sum(1 for word in wanted if word.lower() in folded and _alone(word.lower(), folded))


def _spellings(word: str) -> Iterator[bytes]:
    """The word in every encoding that a character set of DICOM stands for (PS3.3 C.12.1.1.2); none of a short word."""
    written = {word} if word.isascii() else {word, word.lower(), word.upper()}  # bytes know the case of ASCII alone
    for one, encoding in product(written, _ENCODINGS if len(word) > 1 else ()):
        with suppress(UnicodeError, LookupError):
            spelt = one.encode(encoding)
            if len(spelt) >= _SHORTEST:
                yield spelt


def _alone(word: bytes, content: bytes) -> bool:
    letters = rb"[0-9.]" if _NUMBERS.fullmatch(word) else rb"[0-9a-z]"
    return re.search(rb"(?<!%b)%b(?!%b)" % (letters, re.escape(word), letters), content) is not None


def _elements(ds: Dataset) -> Iterator[DataElement]:
    stack = [ds]
    while stack:
        for element in stack.pop():
            if element.VR == "SQ":
                stack.extend(element.value)
            else:
                yield element


def _texts(element: DataElement) -> list[str]:
    values = element.value if element.VM > 1 else [element.value]
    return [str(value).strip() for value in values if value]
