"""What one association brings, and the audit events that tell of it at its end."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from core.types import AuditAction
from db import audit


@dataclass(slots=True)
class Fed:
    """What one association has brought so far, by study: objects that were stored, and duplicates."""

    sender_ae: str = ""
    stored: Counter[UUID] = field(default_factory=Counter)
    duplicates: Counter[UUID] = field(default_factory=Counter)

    def studies(self) -> list[UUID]:
        """All of them, in an order that is every association's: locks are taken in it."""
        return sorted({*self.stored, *self.duplicates})

    def record(self, session: Session, *, now: datetime) -> None:
        """Write one event a study: who sent how much of it by the association that ends."""
        for study in self.studies():
            detail = f"objects={self.stored[study]} duplicates={self.duplicates[study]}"
            actor = f"ae:{self.sender_ae}"
            audit.record(session, AuditAction.RECEIVE, actor=actor, now=now, study_id=study, detail=detail)
