"""Whether the name, ID and birth date burned into a screen are those of its header. Unreadable is no mismatch."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from core.pixels import RgbImage
from db.identity import Named
from dicom_node.layouts import Box
from dicom_node.textcheck.engine import LEAST_SIDE, Engine, Line
from dicom_node.textcheck.spelling import alike, dates_as_printed, distance, distance_within, plain, spellings

LEAST_CONFIDENCE = 0.8
"""Of a line that is believed."""

LARGEST_DOUBLED = 800
"""Pixels of an enlarged rectangle's longer side: beyond, its letters are read as they are."""

_CUT = 8
"""A line that ends this near the rectangle's right edge, in pixels, may go on beyond it."""

_ID_LABEL = re.compile(r"^(?:patientid|patid|pid|mrn|id)(?=.*\d)")
_BIRTH_LABEL = re.compile(r"(?:b[o0]r?[nm]|b[o0]rm|d[o0]b|birthdate|dateofbirth|birth|geb)(?=[a-z]*\d)")
_DATE = re.compile(r"\d{6,8}|\d{1,2}[a-z0-9]{3}\d{2,4}")


class Said(StrEnum):
    """What a screen says of one fact of the header."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNCLEAR = "unclear"
    """Not seen, or nearly the header's."""
    NOT_ASKED = "not_asked"
    """The header is empty there, or in a script that is not read."""


class Outcome(StrEnum):
    """What follows for the screen."""

    AGREES = "agrees"
    UNREADABLE = "unreadable"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """What was compared and how it came out; neither what the header says nor what was read."""

    name: Said
    patient_id: Said
    birth_date: Said
    engine: str
    engine_version: str

    @property
    def outcome(self) -> Outcome:
        """A mismatch takes two facts that clearly differ: one may be another spelling, another number, a misreading."""
        said = (self.name, self.patient_id, self.birth_date)
        if said.count(Said.DIFFERS) >= 2:
            return Outcome.MISMATCH
        return Outcome.AGREES if Said.AGREES in said else Outcome.UNREADABLE

    def as_dict(self) -> dict[str, Any]:
        """For storage: codes only."""
        return {
            "outcome": self.outcome.value,
            "name": self.name.value,
            "patient_id": self.patient_id.value,
            "birth_date": self.birth_date.value,
            "engine": self.engine,
            "engine_version": self.engine_version,
        }


def compare_identity(pixels: RgbImage, box: Box, who: Named, engine: Engine) -> IdentityCheck:
    """Read the rectangle of a whole screen and compare it with the header; Unavailable if the reader breaks."""
    shown, scale = _enlarged(pixels[box.slices])
    read = [line for line in engine.read(shown) if line.confidence >= LEAST_CONFIDENCE]
    right = scale * (box.right - box.left - _CUT)
    return IdentityCheck(
        name=_name(who.patient_name.reveal(), read, right=right),
        patient_id=_patient_id(who.patient_id.reveal(), read, right=right),
        birth_date=_birth_date(who.patient_birth_date.reveal(), read),
        engine=engine.name,
        engine_version=engine.version,
    )


def _enlarged(shown: RgbImage) -> tuple[RgbImage, int]:
    """The rectangle on black that the reader need not enlarge, at twice its size where that fits; and the scale."""
    rows, columns = shown.shape[:2]
    scale = 2 if 2 * max(rows, columns) <= LARGEST_DOUBLED else 1
    large = shown.repeat(scale, axis=0).repeat(scale, axis=1)
    square = np.zeros((max(LEAST_SIDE, scale * rows), max(LEAST_SIDE, scale * columns), 3), np.uint8)
    square[: large.shape[0], : large.shape[1]] = large
    return square, scale


def _patient_id(header: str, read: Iterable[Line], *, right: int) -> Said:
    asked = alike(plain(header))
    if not asked:
        return Said.NOT_ASKED
    said = Said.UNCLEAR
    for line in read:
        whole = plain(line.text)
        if len(asked) >= 4 and asked in alike(whole):
            return Said.AGREES
        label = _ID_LABEL.match(whole)
        if label is None:
            continue
        shown = alike(whole[label.end() :])
        if shown == asked:
            return Said.AGREES
        whole_id = asked if line.box.right < right else asked[: len(shown)]
        if distance(shown, whole_id) >= 2:
            said = Said.DIFFERS
    return said


def _birth_date(header: str, read: Iterable[Line]) -> Said:
    printed = dates_as_printed(header)
    if not printed:
        return Said.NOT_ASKED
    said = Said.UNCLEAR
    for line in read:
        whole = plain(line.text)
        if any(len(date) >= 8 and date in alike(whole) for date in printed):
            return Said.AGREES
        label = _BIRTH_LABEL.search(whole)
        shown = _DATE.search(whole, label.end()) if label else None
        if shown is None:
            continue
        nearest = min(distance(alike(shown[0]), date) for date in printed)
        if nearest == 0:
            return Said.AGREES
        if nearest >= 2:
            said = Said.DIFFERS
    return said


def _name(header: str, read: list[Line], *, right: int) -> Said:
    """The best that a component group of the name (PS3.5 6.2.1.2) comes to."""
    groups = [words for group in header.split("=") if (words := _words(group))]
    if not groups:
        return Said.NOT_ASKED
    said = {_group(words, read, right=right) for words in groups}
    return next(one for one in (Said.AGREES, Said.UNCLEAR, Said.DIFFERS) if one in said)


def _words(group: str) -> list[str]:
    """Family and given names that a Latin reader can read; prefixes, suffixes and initials tell little."""
    components = group.split("^")[:3]
    return [word for part in components for word in re.split(r"[\s\-.,']+", part) if len(plain(word)) >= 2]


def _group(words: list[str], read: list[Line], *, right: int) -> Said:
    """Whether the words stand on the screen; they differ where a line of letters holds none, or another given name."""
    candidates = [line for line in read if _name_like(line)]
    found = [any(_stands(word, line, right=right) for line in read) for word in words]
    if all(found):
        return Said.AGREES
    if not candidates:
        return Said.UNCLEAR
    if not any(found):
        return Said.DIFFERS
    holding = [line for line in candidates if any(_stands(word, line, right=right) for word in words)]
    missing = [word for word, there in zip(words, found, strict=True) if not there]
    others = any(_left_over(line, words, right=right) >= 3 for line in holding)
    return Said.DIFFERS if others and max(map(len, missing)) >= 3 else Said.AGREES


def _left_over(line: Line, words: list[str], *, right: int) -> int:
    """How many letters of a line belong to none of the words."""
    known = sum(len(plain(word)) for word in words if _stands(word, line, right=right))
    return len(plain(line.text)) - known


def _name_like(line: Line) -> bool:
    letters = [c for c in plain(line.text) if c.isalpha()]
    return len(letters) >= 5 and len(letters) >= 0.7 * len(plain(line.text))


def _stands(word: str, line: Line, *, right: int) -> bool:
    """Whether a word stands in a line, a letter in four aside but no digit, or begins where the line is cut off."""
    text = alike(plain(line.text))
    spare = 4 if plain(word).isalpha() else len(word) + 1
    for spelt in spellings(word):
        if distance_within(spelt, text) <= len(spelt) // spare:
            return True
        if line.box.right >= right and any(text.endswith(spelt[:n]) for n in range(3, len(spelt))):
            return True
    return False
