"""How studies are found by patient and accession number: folded words, searched from their beginning.

Nothing here commits.
"""

import unicodedata
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, insert, select
from sqlalchemy.orm import Session, aliased

from core.phi import Phi
from db.tables import SearchKey, Study
from db.worklist_filter import Filter

NAME, PATIENT_ID, ACCESSION = "name", "patient_id", "accession"
_LENGTH = 64
_LAST = "\U0010ffff"
"""Sorts after every other character, in UTF-8 as well."""


def fold(text: str) -> str:
    """Text as it is compared: without case, accents and DICOM's delimiters, so that ``Doe, Jané`` is ``DOE^JANE``."""
    apart = "".join(" " if c in "^=," or not c.isprintable() else c for c in unicodedata.normalize("NFKD", text))
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())[:_LENGTH].rstrip()


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


def found_by(session: Session, wanted: Filter) -> Select[object, UUID] | None:
    """Time and key of each study that meets what the filter searches for; None where it searches for nothing."""
    conditions = [c for c in _conditions(wanted) if c is not None]
    if not conditions:
        return None
    exact = session.get_bind().dialect.name == "postgresql"
    first, *others = conditions
    statement = select(SearchKey.received_at, SearchKey.study_id).where(_within(SearchKey, *first, exact=exact))
    for condition in others:
        other = aliased(SearchKey)
        statement = statement.where(
            exists().where(other.study_id == SearchKey.study_id, _within(other, *condition, exact=exact))
        )
    return statement.distinct()


def _conditions(wanted: Filter) -> Iterator[tuple[str | None, str, str]]:
    """Kind, and first and last word of a range."""
    for kind, value in ((PATIENT_ID, wanted.patient_id), (ACCESSION, wanted.accession_number)):
        if value is not None:
            word = fold(value.reveal())
            yield kind, word, word
    if wanted.text is not None:
        word = fold(wanted.text.reveal().rstrip("* "))
        if word:
            yield None, word, word + _LAST


def _within(table: type[SearchKey], kind: str | None, first: str, last: str, *, exact: bool) -> ColumnElement[bool]:
    """On PostgreSQL compared byte by byte, whatever the database's collation."""
    at_least, at_most = ("~>=~", "~<=~") if exact else (">=", "<=")
    condition = and_(
        table.word.op(at_least, is_comparison=True)(Phi(first)), table.word.op(at_most, is_comparison=True)(Phi(last))
    )
    return and_(condition, table.kind == kind) if kind is not None else condition
