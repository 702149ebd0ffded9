"""Reviews: what readers say of a result, beside what the model said. Rows are only added. Nothing here commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.phi import Phi
from core.types import AuditAction, Confidence, Label
from db import audit
from db.session import insert_into
from db.tables import Case, Review

LONGEST_COMMENT = 2000


class Standing(StrEnum):
    """What the readers of a revision make of it together."""

    AGREED = "agreed"
    """Every reader says what the model says."""
    DIFFERS = "differs"
    """The readers agree with each other, and not with the model, or the model gave no label."""
    DISPUTED = "disputed"
    """Two readers say different things."""


@dataclass(frozen=True, slots=True)
class NewReview:
    """A review as it is handed in; ``id`` is its form's."""

    id: UUID
    reader: str
    actor: str
    """What the audit trail calls the reader."""
    label: Label
    confidence: Confidence
    comment: Phi = field(repr=False)


class Overtaken(PerfuscopeError):  # noqa: N818 - named for what happened
    """The reader has said something else by the same form: show what is there, and hand this in by another one."""


def add(session: Session, case: Case, new: NewReview, *, now: datetime) -> bool:
    """Add a review of a revision, and an event; False, and nothing, where it was handed in already.

    ``Overtaken`` where another one was, by the same form in another window.
    """
    row = {
        "id": new.id,
        "study_id": case.study_id,
        "case_id": case.id,
        "reader": new.reader,
        "label": new.label,
        "model_label": case.label,
        "confidence": new.confidence,
        "comment": new.comment,
        "created_at": now,
    }
    made = insert_into(session, Review).values(row).on_conflict_do_nothing(index_elements=["id"])
    if session.execute(made.returning(Review.id)).first() is None:
        there = session.get_one(Review, new.id)
        if (there.label, there.confidence, there.comment) != (new.label, new.confidence, new.comment):
            raise Overtaken("another review was saved by the same form")
        return False
    detail = f"revision={case.revision} {new.label.value} {new.confidence.value}"
    audit.record(
        session, AuditAction.REVIEW, actor=new.actor, now=now, study_id=case.study_id, subject=new.id, detail=detail
    )
    return True


def of_study(session: Session, study_id: UUID) -> list[Review]:
    """Every review of a study's revisions, newest first."""
    statement = select(Review).where(Review.study_id == study_id).order_by(Review.created_at.desc(), Review.id)
    return list(session.scalars(statement))


def number(session: Session, case_id: UUID, reader: str) -> int:
    """How often a reader has said something of a revision."""
    counted = select(func.count()).where(Review.case_id == case_id, Review.reader == reader)
    return session.scalar(counted) or 0


def in_force(found: Iterable[Review]) -> list[Review]:
    """Each reader's newest review of a revision, newest first; ``found`` is of one revision."""
    newest: dict[str, Review] = {}
    for review in sorted(found, key=lambda r: (r.created_at, r.id)):
        newest[review.reader] = review
    return sorted(newest.values(), key=lambda r: (r.created_at, r.id), reverse=True)


def replaced(found: Iterable[Review], newest: Review) -> list[Review]:
    """What that reader said before it of the same revision, newest first; ``found`` is of one revision."""
    theirs = [review for review in found if review.reader == newest.reader and review.id != newest.id]
    return sorted(theirs, key=lambda r: (r.created_at, r.id), reverse=True)


def standing(found: Iterable[Review]) -> Standing | None:
    """What the readers of one revision say together; None where nobody has said anything."""
    counted = in_force(found)
    labels = {review.label for review in counted}
    if not labels:
        return None
    if len(labels) > 1:
        return Standing.DISPUTED
    return Standing.AGREED if labels == {counted[0].model_label} else Standing.DIFFERS


@dataclass(frozen=True, slots=True)
class Readers:
    """What the readers of one revision say together; names none of them."""

    number: int
    standing: Standing
    label: Label | None
    """What they call it; None where they disagree."""


def readers(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, Readers]:
    """By revision, what its readers say together; those that nobody has read are left out."""
    return {case_id: found for case_id, of_it in of_cases(session, case_ids).items() if (found := _together(of_it))}


def of_cases(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, list[Review]]:
    """By revision, the reviews that count, newest first; those that nobody has read are left out."""
    by_case: dict[UUID, list[Review]] = {}
    for start in range(0, len(case_ids), _CHUNK):
        for review in session.scalars(select(Review).where(Review.case_id.in_(case_ids[start : start + _CHUNK]))):
            by_case.setdefault(review.case_id, []).append(review)
    return {case_id: in_force(of_it) for case_id, of_it in by_case.items()}


def item(review: Review) -> dict[str, Any]:
    """A review as commands and the API tell it: who, when, what, how sure; a comment stays on the study's page."""
    return {
        "reader": review.reader,
        "label": review.label.value,
        "confidence": review.confidence.value,
        "at": review.created_at.isoformat(),
    }


_CHUNK = 500
"""Databases limit how many values one IN may have."""


def _together(counted: list[Review]) -> Readers | None:
    said = standing(counted)
    if said is None:
        return None
    return Readers(len(counted), said, None if said is Standing.DISPUTED else counted[0].label)
