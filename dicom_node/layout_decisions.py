"""A layout is suspended; an administrator lifts that, or ends its probation. Nothing here commits or rings.

Screens that were kept back for it are prepared again: jobs are made due at once, the node's next round rings for them.
"""

import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.errors import PerfuscopeError
from core.jobs import JobStage
from core.types import AuditAction, InstanceState, Reason
from db import audit, jobs, layout_states, quarantine, studies
from db.layout_states import LayoutKey, Standing
from db.tables import Instance
from dicom_node.layouts import Layout

log = logging.getLogger("perfuscope.layouts")

WAITING_FOR_A_LAYOUT = (Reason.LAYOUT_SUSPENDED, Reason.NOT_CHECKED)
"""Reasons that a decision about a layout may do away with."""


def key(layout: Layout) -> LayoutKey:
    """A layout as the tables know it."""
    return LayoutKey(layout.name, layout.version, layout.sha256, shipped=layout.shipped)


def suspend(session: Session, layout: Layout, *, study_id: UUID, subject: UUID, now: datetime) -> bool:
    """Use no screen of the layout from now on, for the object ``subject``; False if it was suspended already."""
    if not layout_states.suspend(session, key(layout), instance_id=subject, now=now):
        return False
    log.error("layout %s version %d suspended: text inside what it keeps", layout.name, layout.version)
    detail = f"layout {layout.name} {layout.version}"
    audit.record(
        session, AuditAction.SUSPEND, actor=audit.SYSTEM, now=now, study_id=study_id, subject=subject, detail=detail
    )
    return True


def resume(session: Session, layout: Layout, *, actor: str, now: datetime) -> int:
    """Use the layout's screens again, on probation anew; how many are prepared again.

    A changed file is another layout, which nobody suspended: screens that wait for the old one are prepared again too.
    Raises ``PerfuscopeError`` for a layout that is not suspended, in no earlier file either for which a screen waits.
    """
    resumed = layout_states.resume(session, key(layout)) or (
        layout_states.was_suspended(session, layout.name) and Reason.LAYOUT_SUSPENDED in waiting(session)
    )
    if not resumed:
        msg = f"{layout.name} is not suspended"
        raise PerfuscopeError(msg)
    return _decided(session, layout, AuditAction.RESUME, Reason.LAYOUT_SUSPENDED, actor=actor, now=now)


def trust(session: Session, layout: Layout, *, actor: str, now: datetime) -> int:
    """Read the layout's screens for text no longer than the settings ask of every screen; how many are prepared again.

    Raises ``PerfuscopeError`` for a layout that is trusted already.
    """
    if not layout_states.trust(session, key(layout), now=now):
        msg = f"{layout.name} is trusted already"
        raise PerfuscopeError(msg)
    return _decided(session, layout, AuditAction.TRUST, Reason.NOT_CHECKED, actor=actor, now=now)


def drawn(session: Session, layout: Layout, *, subject: UUID | None, actor: str, now: datetime) -> int:
    """A new layout comes into force: every screen that waits because none knew it is prepared again; how many."""
    detail = f"layout {layout.name} {layout.version}"
    audit.record(session, AuditAction.LAYOUT, actor=actor, now=now, subject=subject, detail=detail)
    return _prepare_again(session, (Reason.UNKNOWN_LAYOUT, Reason.WRONG_SIZE), now=now)


def check_replaced(session: Session, layout: Layout, *, by: Layout) -> None:
    """Raise PerfuscopeError unless another file may take the layout's place.

    A changed file is on probation anew, which must not undo a suspension that nobody has looked at; and results name
    a version, which must not mean two things.
    """
    if layout_states.standing(session, key(layout)) is Standing.SUSPENDED:
        msg = f"{layout.name} is suspended: look at why and resume it first, or choose another name"
        raise PerfuscopeError(msg)
    if by.version <= layout.version:
        msg = f"{layout.name} is in force in version {layout.version}; a changed one needs a higher version"
        raise PerfuscopeError(msg)


def removed(session: Session, layout: Layout, *, actor: str, now: datetime) -> int:
    """A layout is in force no longer: screens that waited for a decision about one are prepared again; how many.

    What was kept by it stays, with the results that were made of it.
    """
    detail = f"layout {layout.name} {layout.version} removed"
    audit.record(session, AuditAction.LAYOUT, actor=actor, now=now, detail=detail)
    return _prepare_again(session, WAITING_FOR_A_LAYOUT, now=now)


def waiting(session: Session) -> dict[Reason, int]:
    """How many screens wait in quarantine for a decision about a layout, by reason."""
    counted = select(Instance.reason, func.count()).where(*_kept_back(*WAITING_FOR_A_LAYOUT)).group_by(Instance.reason)
    return {reason: n for reason, n in session.execute(counted) if reason is not None}


def _decided(
    session: Session, layout: Layout, action: AuditAction, reason: Reason, *, actor: str, now: datetime
) -> int:
    audit.record(session, action, actor=actor, now=now, detail=f"layout {layout.name} {layout.version}")
    return _prepare_again(session, (reason,), now=now)


def _prepare_again(session: Session, reasons: tuple[Reason, ...], *, now: datetime) -> int:
    """Have all of them prepared again, in a few statements: many may wait, and on SQLite nobody else writes."""
    waiting_ones = _kept_back(*reasons)
    studies.lock_all(session, select(Instance.study_id).where(*waiting_ones))
    found = quarantine.take_back(session, waiting_ones)
    jobs.ask_all_again(session, JobStage.PREPARE, subjects=found, now=now)
    return len(found)


def _kept_back(*reasons: Reason) -> list[ColumnElement[bool]]:
    return [
        Instance.state == InstanceState.QUARANTINED,
        Instance.current.is_(True),
        Instance.decision.is_(None),
        Instance.purged_at.is_(None),
        Instance.reason.in_(reasons),
    ]
