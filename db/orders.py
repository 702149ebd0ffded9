"""What administrators ask for on the pages: asked, taken by the node, answered by an edge worker. Nothing commits."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.jobs import Bell, JobStage
from core.orders import OrderKind, OrderState
from db import jobs
from db.order_tables import Order


def ask(
    session: Session,
    kind: OrderKind,
    *,
    actor: str,
    now: datetime,
    subject: UUID | None = None,
    asked: dict[str, Any] | None = None,
) -> Order:
    """Write down what somebody asks for; the same that waits already is not asked for twice."""
    said = asked or {}
    for before in session.scalars(_waiting((kind,)).where(Order.subject == subject)):
        if before.asked == said:
            return before
    order = Order(
        id=uuid4(),
        kind=kind,
        actor=actor[:64],
        subject=subject,
        asked=said,
        asked_at=now,
        state=OrderState.WAITING,
    )
    session.add(order)
    return order


def anything_to_take(session: Session) -> bool:
    """Whether ``take`` would find something; only reads."""
    return session.scalar(select(Order.id).where(Order.taken_at.is_(None)).limit(1)) is not None


def take(session: Session, *, now: datetime, ring_again: timedelta) -> list[Bell]:
    """Make a job of everything that was asked for; the bells to ring."""
    found = session.scalars(
        select(Order).where(Order.taken_at.is_(None)).order_by(Order.asked_at).with_for_update(skip_locked=True)
    ).all()
    for order in found:
        order.taken_at = now
    bells = [jobs.add(session, JobStage.ORDER, subject=o.id, now=now, ring_again=ring_again) for o in found]
    return [bell for bell in bells if bell is not None]


def end(order: Order, state: OrderState, said: dict[str, Any], *, now: datetime) -> None:
    """Write down what came of it."""
    order.state, order.said, order.done_at = state, said, now


def recent(session: Session, kinds: Collection[OrderKind], *, since: datetime, limit: int = 10) -> list[Order]:
    """What was asked for since then, newest first; what waits counts whenever it was asked."""
    statement = select(Order).where(Order.kind.in_(kinds))
    statement = statement.where((Order.asked_at >= since) | (Order.state == OrderState.WAITING))
    return list(session.scalars(statement.order_by(Order.asked_at.desc(), Order.id).limit(limit)))


def waiting(session: Session, kinds: Collection[OrderKind]) -> int:
    """How many wait."""
    return session.scalar(select(func.count()).select_from(_waiting(kinds).subquery())) or 0


def newest(session: Session, kind: OrderKind) -> list[Order]:
    """What was asked for of that kind, newest first, the last hundred."""
    statement = select(Order).where(Order.kind == kind).order_by(Order.asked_at.desc(), Order.id).limit(100)
    return list(session.scalars(statement))


def _waiting(kinds: Collection[OrderKind]) -> Select[Order]:
    return select(Order).where(Order.kind.in_(kinds), Order.state == OrderState.WAITING)
