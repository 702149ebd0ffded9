"""Reviews: what readers say of a result, beside what the model said. Rows are only added. Nothing here commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.phi import Phi
from core.types import AuditAction, Confidence, Label
from db import audit
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


def add(session: Session, case: Case, new: NewReview, *, now: datetime) -> bool:
    """Add a review of a revision, and an event; False, and nothing, where that form was handed in already."""
    if session.get(Review, new.id) is not None:
        return False
    session.add(
        Review(
            id=new.id,
            study_id=case.study_id,
            case_id=case.id,
            reader=new.reader,
            label=new.label,
            model_label=case.label,
            confidence=new.confidence,
            comment=new.comment,
            created_at=now,
        )
    )
    detail = f"revision={case.revision} {new.label.value} {new.confidence.value}"
    audit.record(
        session, AuditAction.REVIEW, actor=new.actor, now=now, study_id=case.study_id, subject=new.id, detail=detail
    )
    return True


def of_study(session: Session, study_id: UUID) -> list[Review]:
    """Every review of a study's revisions, newest first."""
    statement = select(Review).where(Review.study_id == study_id).order_by(Review.created_at.desc(), Review.id)
    return list(session.scalars(statement))


def in_force(found: Iterable[Review]) -> list[Review]:
    """Each reader's newest review of a revision, newest first; ``found`` is of one revision."""
    newest: dict[str, Review] = {}
    for review in sorted(found, key=lambda r: (r.created_at, r.id)):
        newest[review.reader] = review
    return sorted(newest.values(), key=lambda r: (r.created_at, r.id), reverse=True)


def standing(found: Iterable[Review]) -> Standing | None:
    """What the readers of one revision say together; None where nobody has said anything."""
    counted = in_force(found)
    labels = {review.label for review in counted}
    if not labels:
        return None
    if len(labels) > 1:
        return Standing.DISPUTED
    return Standing.AGREED if labels == {counted[0].model_label} else Standing.DIFFERS


def standings(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """By revision, what its readers say together; those that nobody has read are left out."""
    by_case: dict[UUID, list[Review]] = {}
    for review in session.scalars(select(Review).where(Review.case_id.in_(case_ids))):
        by_case.setdefault(review.case_id, []).append(review)
    found = {case_id: standing(of_it) for case_id, of_it in by_case.items()}
    return {case_id: said for case_id, said in found.items() if said is not None}
