"""Putting a model in force: from the command line or from the pages, by the same rules."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.types import AuditAction
from db import audit, model_versions
from db.model_versions import Grounds, NewArtifact
from db.tables import ModelVersion
from models import acceptance, artifact
from models.artifact import Artifact
from models.card import Card, Criterion


class NotMet(PerfuscopeError):  # noqa: N818 - named for what is said
    """A model misses criteria; nobody said why it should be in force all the same."""

    def __init__(self, text: str, criteria: tuple[Criterion, ...]) -> None:
        super().__init__(text)
        self.criteria = criteria


@dataclass(frozen=True, slots=True)
class InForce:
    """A verified model, ready to be put in force."""

    new: NewArtifact
    grounds: Grounds
    criteria: tuple[Criterion, ...] = ()

    @classmethod
    def of(cls, found: Artifact, grounds: Grounds, criteria: tuple[Criterion, ...] = ()) -> "InForce":
        """Of an artifact on disk."""
        new = NewArtifact(found.identity, found.card.model_dump(mode="json"), artifact.pack(found.folder))
        return cls(new, grounds, criteria)

    @classmethod
    def judged(cls, found: Artifact, active: Card | None, *, actor: str, reason: str) -> "InForce":
        """By the two cards. ``NotMet`` for a model that misses a criterion, unless a reason is given."""
        if active is not None and active.files == found.card.files:
            active = None  # it is the active model itself
        figures = acceptance.reference(found.card, active)
        criteria = acceptance.all_of(found.card, active, figures, acceptance.written())
        missed = acceptance.missed(criteria)
        if missed and not reason:
            raise NotMet(acceptance.refusal(found.card.name, missed), criteria)
        grounds = Grounds(actor, tuple(criterion.name for criterion in missed), reason if missed else None)
        return cls.of(found, grounds, criteria)

    def put(self, session: Session, *, now: datetime) -> ModelVersion:
        """Put it in force and write that down."""
        row = model_versions.activate(session, self.new, now=now, grounds=self.grounds)
        detail = f"{row.name} {row.version} {row.sha256[:12]} {self.grounds.code}"
        actor = self.grounds.actor
        audit.record(session, AuditAction.ACTIVATE, actor=actor, now=now, subject=row.id, detail=detail)
        return row
