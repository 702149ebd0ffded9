"""Model artifacts as rows: which is active, and its bytes by SHA-256."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from core.types import ModelIdentity
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


def activate(session: Session, artifact: NewArtifact, *, now: datetime) -> ModelVersion:
    """Store the artifact unless its SHA-256 is known, and make it the only active one."""
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
    session.flush()
    return row


def with_bytes(session: Session, model_version_id: UUID) -> ModelVersion | None:
    """The model with its packed artifact loaded."""
    return session.get(ModelVersion, model_version_id, options=[undefer(ModelVersion.artifact)])
