"""Stage *order*: what an administrator asked for on the pages is done by the functions that the commands use."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from core import delivery_codes
from core.errors import PerfuscopeError, Postponed, Unavailable
from core.finding import Finding, Level
from core.jobs import Bell, JobState
from core.orders import OrderKind, OrderState
from core.settings import Settings
from core.types import AuditAction
from db import audit, jobs, model_versions, orders
from db.jobs import Claimed
from db.order_tables import Order
from db.session import Sessions
from db.tables import Instance, Study
from dicom_node import decisions, peer_check
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from worker.activating import NotMet
from worker.pipeline import choosing_model, drawn_layout
from worker.task import Finish

Act = Callable[[Session, Order, datetime], dict[str, Any]]
"""Does what was asked, in the transaction that ends the job; what is said of it."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """The stage; a job's subject is an order. What needs long is done before the transaction."""

    sessions: Sessions
    settings: Settings
    policy: Policy
    inbox: Inbox

    def work(self, claimed: Claimed) -> Finish:
        """Do it, or write down why not: an order is never tried twice because it was refused."""
        with self.sessions.read() as session:
            order = session.get_one(Order, claimed.subject)
        if order.state is not OrderState.WAITING:
            return _nothing
        try:
            return partial(_done, claimed, self._act(order))
        except (Unavailable, Postponed):
            raise
        except PerfuscopeError as error:
            return partial(_refused, claimed, _refusal(error))

    def give_up(self, claimed: Claimed, code: str) -> Finish:
        """It ends refused."""
        why = delivery_codes.sentence(code) or code
        return partial(_refused, claimed, {"text": f"given up: {why}"})

    def _act(self, order: Order) -> Act:
        match order.kind:
            case OrderKind.RELEASE:
                return self._release
            case OrderKind.REJECT:
                return self._reject
            case OrderKind.RETRY:
                return _retry
            case OrderKind.TRY_PEER:
                return self._try_peer(str(order.asked.get("peer", "")))
            case OrderKind.ACTIVATE:
                return self._activate(order)
            case OrderKind.LAYOUT:
                return drawn_layout.saving(order, self.sessions, self.inbox, self.settings)

    def _release(self, session: Session, order: Order, now: datetime) -> dict[str, Any]:
        if order.subject is not None and session.get(Study, order.subject) is not None:
            decisions.release_study(session, order.subject, actor=order.actor, now=now, policy=self.policy)
            return {"text": "the study's objects count as one patient's; it is judged anew"}
        decisions.release_object(session, _object(session, order).id, actor=order.actor, now=now)
        return {"text": "the object is prepared again, with the layouts and rules of today"}

    def _reject(self, session: Session, order: Order, now: datetime) -> dict[str, Any]:
        found = _object(session, order)
        decisions.reject(session, found.id, actor=order.actor, now=now, policy=self.policy)
        return {"text": "the object counts as not there; its study is judged without it"}

    def _try_peer(self, name: str) -> Act:
        peer = self.settings.peer_named(name)
        if peer is None:
            raise PerfuscopeError("the settings of the node know no peer of that name")
        found = list(peer_check.peer(self.settings, self.sessions, peer))

        def act(session: Session, order: Order, now: datetime) -> dict[str, Any]:
            worst = Level.FAIL if any(one.level is Level.FAIL for one in found) else Level.OK
            detail = f"{peer.name} {worst.value}"
            audit.record(session, AuditAction.TRY_PEER, actor=order.actor, now=now, subject=order.id, detail=detail)
            return {"text": _summary(found), "findings": [asdict(one) for one in found]}

        return act

    def _activate(self, order: Order) -> Act:
        new, beside = choosing_model.judged(self.sessions, order)

        def act(session: Session, _order: Order, now: datetime) -> dict[str, Any]:
            model_versions.lock(session)
            if choosing_model.in_force(session) != beside:
                raise Unavailable("another_model_meanwhile")
            try:
                row = new.put(session, now=now)
            except ProgrammingError:  # PostgreSQL's word for what a role may not do
                raise PerfuscopeError(
                    "only the owner of the database may store a model that it does not hold yet; "
                    "run there: perfuscope model activate"
                ) from None
            criteria = [one.model_dump(mode="json") for one in new.criteria]
            return {"text": f"{row.name} {row.version} ({row.sha256[:12]}) is active", "criteria": criteria}

        return act


def _retry(session: Session, order: Order, now: datetime) -> dict[str, Any]:
    """One job, or every one that was given up."""
    dead = [job.id for job in jobs.listed(session, states=(JobState.DEAD,), limit=100_000)]
    chosen = dead if order.subject is None else [key for key in dead if key == order.subject]
    if not chosen:
        raise PerfuscopeError("no job was given up" if order.subject is None else "that job is not given up any more")
    for key in chosen:
        jobs.revive(session, key, now=now)
        audit.record(session, AuditAction.REQUEUE, actor=order.actor, now=now, subject=key, detail="jobs retry")
    return {"text": f"{len(chosen)} of {len(dead)} given-up jobs will be tried again"}


def _object(session: Session, order: Order) -> Instance:
    found = session.get(Instance, order.subject) if order.subject is not None else None
    if found is None:
        raise PerfuscopeError("that object is not there any more")
    return found


def _summary(found: list[Finding]) -> str:
    failed = [one for one in found if one.level is Level.FAIL]
    return f"{failed[0].check}: {failed[0].said}" if failed else "; ".join(one.said for one in found)


def _refusal(error: PerfuscopeError) -> dict[str, Any]:
    criteria = error.criteria if isinstance(error, NotMet) else ()
    return {"text": str(error), "criteria": [one.model_dump(mode="json") for one in criteria]}


def _done(claimed: Claimed, act: Act, session: Session, now: datetime) -> list[Bell]:
    """What is refused midway leaves nothing behind but the refusal."""
    order = session.get_one(Order, claimed.subject)
    try:
        with session.begin_nested():
            said = act(session, order, now)
    except (Unavailable, Postponed):
        raise  # something changed since it was looked at: all of it once more
    except PerfuscopeError as error:
        return _refused(claimed, _refusal(error), session, now)
    orders.end(order, OrderState.DONE, said, now=now)
    return []


def _refused(claimed: Claimed, said: dict[str, Any], session: Session, now: datetime) -> list[Bell]:
    orders.end(session.get_one(Order, claimed.subject), OrderState.REFUSED, said, now=now)
    return []


def _nothing(_session: Session, _now: datetime) -> list[Bell]:
    return []
