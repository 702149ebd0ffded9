"""Model artifacts as rows: which is active, and its bytes by SHA-256."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from core.types import ModelIdentity
from db.audit import SYSTEM
from db.tables import ModelVersion


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A packed artifact, ready to be stored."""

    identity: ModelIdentity
    card: dict[str, Any]
    packed: bytes


def active(session: Session) -> ModelVersion | None:
    """The model in force."""
    return session.scalars(select(ModelVersion).where(ModelVersion.active)).first()


@dataclass(frozen=True, slots=True)
class Grounds:
    """On what grounds a model is put in force: who did it, the criteria it missed, and why it was done all the same."""

    actor: str
    missed: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def code(self) -> str:
        """For the audit trail, which takes no free text."""
        return f"forced missed={len(self.missed)}" if self.missed else "met"


FIRST = Grounds(SYSTEM, reason="the first model of this database; nothing was compared")
"""The grounds of the model that a new database begins with."""


def lock(session: Session) -> None:
    """From here on to the end of the transaction nobody else puts a model in force."""
    rows = select(ModelVersion).order_by(ModelVersion.id).with_for_update()
    session.scalars(rows.execution_options(populate_existing=True)).all()


def activate(session: Session, artifact: NewArtifact, *, now: datetime, grounds: Grounds = FIRST) -> ModelVersion:
    """Store the artifact unless its SHA-256 is known, make it the only active one, and keep on what grounds."""
    lock(session)
    identity = artifact.identity
    row = session.scalars(select(ModelVersion).where(ModelVersion.sha256 == identity.sha256)).first()
    if row is None:
        row = ModelVersion(
            id=uuid4(),
            name=identity.name,
            version=identity.version,
            sha256=identity.sha256,
            card=artifact.card,
            artifact=artifact.packed,
            created_at=now,
        )
        session.add(row)
    session.execute(update(ModelVersion).values(active=False))
    row.active = True
    row.activations = [*(row.activations or ()), {"at": now.isoformat(), **asdict(grounds)}]
    session.flush()
    return row


def with_bytes(session: Session, model_version_id: UUID) -> ModelVersion | None:
    """The model with its packed artifact loaded."""
    return session.get(ModelVersion, model_version_id, options=[undefer(ModelVersion.artifact)])
