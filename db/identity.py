"""Whether received objects name the same patient. Spelling variants are no difference; an empty field names nobody."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from core.phi import Phi


class Named(Protocol):
    """What carries a patient's identity: a row, or a header's words."""

    @property
    def patient_id(self) -> Phi:
        """PatientID (0010,0020)."""

    @property
    def patient_name(self) -> Phi:
        """PatientName (0010,0010), component groups separated by ``=``."""

    @property
    def patient_birth_date(self) -> Phi:
        """PatientBirthDate (0010,0030)."""


def several_patients(named: Iterable[Named]) -> bool:
    """Whether two of them contradict each other in ID, birth date or a component group of the name."""
    said: dict[str, str] = {}
    return any(said.setdefault(fact, value) != value for one in named for fact, value in _facts(one))


def standing_apart(named: Sequence[Named]) -> list[set[str]]:
    """For each of them, in what it contradicts what most of them say: ``name``, ``id``, ``birth date``.

    Where no value is said by more of them than any other, nobody knows whose it is: all who say something stand apart.
    """
    said = [dict(_facts(one)) for one in named]
    usual = {fact: _most_said([words[fact] for words in said if fact in words]) for fact in set().union(*said)}
    return [
        {
            fact.split(" ")[0] if fact.startswith("name") else fact
            for fact, value in words.items()
            if value != usual[fact]
        }
        for words in said
    ]


def _most_said(values: Sequence[str]) -> str | None:
    """The value that more of them are than any other; None where there is none."""
    counted = Counter(values).most_common(2)
    return counted[0][0] if len(counted) == 1 or counted[0][1] > counted[1][1] else None


def digest(named: Iterable[Named]) -> str:
    """SHA-256 of all that is said of the patient, in one spelling: another word that contradicts changes it."""
    facts = sorted({fact for one in named for fact in _facts(one)})
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _facts(one: Named) -> Iterator[tuple[str, str]]:
    """What is said of the patient, in one spelling. A group of the name (PS3.5 6.2.1.2) may be left out."""
    groups = enumerate(one.patient_name.reveal().split("="))
    facts = [(f"name {place}", _plain_name(group)) for place, group in groups]
    facts.append(("id", _plain(one.patient_id.reveal())))
    facts.append(("birth date", "".join(c for c in one.patient_birth_date.reveal() if c.isdigit())))
    return ((fact, value) for fact, value in facts if value)


def _plain_name(group: str) -> str:
    return "^".join(_plain(component) for component in group.split("^")).rstrip("^")


def _plain(text: str) -> str:
    """Without case, width of characters, padding and doubled blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).replace("\0", " ").casefold().split())
