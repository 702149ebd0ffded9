"""How studies are found by patient and accession number: folded words, searched from their beginning.

Nothing here commits.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, select, true
from sqlalchemy.orm import Session, aliased

from core.phi import Phi
from db.column_types import PhiText
from db.tables import SearchKey, Study
from db.worklist_filter import Filter

NAME, PATIENT_ID, ACCESSION = "name", "patient_id", "accession"
_LENGTH = 64
SAYS_NOTHING = "nothing is left to search by; write a letter or a digit of the name or number"
"""What is told of a text whose word is empty: as a condition it would let everybody pass."""
_LAST = "\U0010ffff"
"""Sorts after every other character, in UTF-8 as well."""


def fold(text: str) -> str:
    """Text as it is compared: without case, accents and DICOM's delimiters, so that ``Doe, Jané`` is ``DOE^JANE``."""
    apart = "".join(" " if c in "^=," or not c.isprintable() else c for c in unicodedata.normalize("NFKD", text))
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())[:_LENGTH].rstrip()


def beginning(text: str) -> str:
    """The word whose beginning is searched for by ``text``; empty where ``text`` says nothing, as ``^`` or ``*``."""
    return fold(text.rstrip("* "))


def words(study: Study) -> set[tuple[str, Phi]]:
    """By what kind of word, and which, a study is found: each group of the name (PS3.5 6.2.1) is one."""
    found = {(NAME, fold(group)) for group in study.patient_name.reveal().split("=")}
    found |= {(PATIENT_ID, fold(study.patient_id.reveal())), (ACCESSION, fold(study.accession_number.reveal()))}
    return {(kind, Phi(word)) for kind, word in found if word}


def add(session: Session, study: Study) -> None:
    """Write down by what a new study is found."""
    rows = [
        {"study_id": study.id, "kind": kind, "word": word, "received_at": study.received_at}
        for kind, word in words(study)
    ]
    if rows:
        session.execute(_INSERT, rows)


_INSERT = insert(SearchKey)


def change(session: Session, study: Study) -> None:
    """The study's identity has changed: so has by what it is found."""
    session.execute(delete(SearchKey).where(SearchKey.study_id == study.id))
    add(session, study)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A word that is searched for."""

    word: str = field(repr=False)
    kind: str | None = None
    """Of a whole word; None: the word's beginning, of any kind."""

    def meets(self, table: type[SearchKey], *, exact: bool) -> ColumnElement[bool]:
        """Whether a row has it: found along the index of words.

        On PostgreSQL compared byte by byte, whatever the database's collation.
        """
        at_least, at_most = ("~>=~", "~<=~") if exact else (">=", "<=")
        last = self.word if self.kind else self.word + _LAST
        condition = and_(
            table.word.op(at_least, is_comparison=True)(Phi(self.word)),
            table.word.op(at_most, is_comparison=True)(Phi(last)),
        )
        return and_(condition, table.kind == self.kind) if self.kind else condition

    def meets_study(self, key: Any) -> ColumnElement[bool]:
        """Whether a study has it: looked up among the study's words, never along the index of words."""
        words = aliased(SearchKey)
        begins = func.substr(words.word, 1, len(self.word), type_=PhiText()) == Phi(self.word)
        same = and_(words.kind == self.kind, words.word == Phi(self.word)) if self.kind else begins
        return exists().where(words.study_id == key, same)


def found_by(session: Session, wanted: Filter) -> Select[object, UUID] | None:
    """Time and key of each study that meets the search, once for each word that does; None without a search."""
    asked = list(_asked(wanted))
    if not asked:
        return None
    exact = session.get_bind().dialect.name == "postgresql"
    first, *others = asked
    return select(SearchKey.received_at, SearchKey.study_id).where(
        first.meets(SearchKey, exact=exact), *(other.meets_study(SearchKey.study_id) for other in others)
    )


def finds(wanted: Filter, key: Any) -> ColumnElement[bool]:
    """Whether the study of that key meets the search."""
    return and_(true(), *(one.meets_study(key) for one in _asked(wanted)))


def _asked(wanted: Filter) -> Iterator[_Asked]:
    for kind, value in ((PATIENT_ID, wanted.patient_id), (ACCESSION, wanted.accession_number)):
        if value is not None:
            yield _Asked(fold(value.reveal()), kind)
    if wanted.text is not None:
        word = beginning(wanted.text.reveal())
        yield _Asked(word, None if word else NAME)  # no study has an empty word
