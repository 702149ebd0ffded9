"""Whether the screens of a layout may be used: on probation, trusted, suspended. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.session import insert_into
from db.tables import LayoutState

PROBATION_IMAGES = 50
"""How many images of a layout must have been read, and held no text, before it is trusted."""


@dataclass(frozen=True, slots=True)
class LayoutKey:
    """Which content of which layout file."""

    name: str
    version: int
    sha256: str
    shipped: bool


class Standing(StrEnum):
    """What may be done with a layout's screens."""

    PROBATION = "probation"
    TRUSTED = "trusted"
    SUSPENDED = "suspended"


def standing(session: Session, layout: LayoutKey) -> Standing:
    """Where a layout stands; a shipped one is trusted unless it was ever suspended."""
    return _standing(session.get(LayoutState, layout.sha256), layout)


def passed(session: Session, layout: LayoutKey, *, now: datetime) -> Standing:
    """Count an image that was read and held no text for a layout on probation; the standing for this very image.

    The fiftieth makes the layout trusted. Two images at once are counted one after the other.
    """
    state = _locked(session, layout, now=now)
    before = _standing(state, layout)
    if before is Standing.PROBATION:
        state.passed += 1
        if state.passed >= PROBATION_IMAGES:
            state.trusted_at = now
    return before


def suspend(session: Session, layout: LayoutKey, *, instance_id: UUID, now: datetime) -> bool:
    """Use no screen of the layout from now on; False if it was suspended already."""
    state = _locked(session, layout, now=now)
    if state.suspended_at is not None:
        return False
    state.suspended_at, state.suspended_by = now, instance_id
    return True


def resume(session: Session, layout: LayoutKey) -> bool:
    """Lift a suspension, back to an empty probation, a shipped layout's too; False if there was none."""
    state = session.get(LayoutState, layout.sha256, with_for_update=True, populate_existing=True)
    if state is None or state.suspended_at is None:
        return False
    state.suspended_at = state.suspended_by = state.trusted_at = None
    state.passed = 0
    return True


def was_suspended(session: Session, name: str) -> bool:
    """Whether a file of the layout of this name is suspended, though it may not be the one in force."""
    of_that_name = select(LayoutState.sha256).where(LayoutState.name == name, LayoutState.suspended_at.is_not(None))
    return session.scalars(of_that_name.limit(1)).first() is not None


def trust(session: Session, layout: LayoutKey, *, now: datetime) -> bool:
    """End a layout's probation by somebody's word; False if it is trusted already. A suspension stays."""
    if standing(session, layout) is Standing.TRUSTED:
        return False
    state = _locked(session, layout, now=now)
    if state.trusted_at is not None:
        return False
    state.trusted_at = now
    return True


def states(session: Session) -> dict[str, LayoutState]:
    """What is known of layouts, by the SHA-256 of their files."""
    return {state.sha256: state for state in session.scalars(select(LayoutState))}


def _standing(state: LayoutState | None, layout: LayoutKey) -> Standing:
    if state is not None and state.suspended_at is not None:
        return Standing.SUSPENDED
    trusted = layout.shipped if state is None else state.trusted_at is not None
    return Standing.TRUSTED if trusted else Standing.PROBATION


def _locked(session: Session, layout: LayoutKey, *, now: datetime) -> LayoutState:
    row = {
        "sha256": layout.sha256,
        "name": layout.name,
        "version": layout.version,
        "passed": 0,
        "trusted_at": now if layout.shipped else None,
        "created_at": now,
    }
    session.execute(insert_into(session, LayoutState).values(row).on_conflict_do_nothing(index_elements=["sha256"]))
    return session.scalars(select(LayoutState).where(LayoutState.sha256 == layout.sha256).with_for_update()).one()
