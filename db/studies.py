"""Studies and their instances: what was received, under which identity. Nothing here commits."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, bindparam, exists, func, insert, select, update
from sqlalchemy.orm import Session

from core import SELF_TEST_AE
from core.phi import Phi
from core.types import InstanceState
from db import search
from db.identity import several_patients
from db.session import insert_into
from db.tables import Instance, Report, Study


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a study is about, as an object's header says. Its text never shows a value."""

    patient_id: Phi
    patient_name: Phi
    patient_birth_date: Phi
    accession_number: Phi
    study_date: Phi

    def __repr__(self) -> str:
        return "Identity(...)"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One received object: its UIDs, identity and where its file stands."""

    instance_id: UUID
    study_instance_uid: Phi
    series_instance_uid: Phi
    sop_instance_uid: Phi
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: Phi
    series_description: Phi
    identity: Identity
    path: str
    size: int
    sha256: str
    sender_ae: str
    candidate: bool

    def __repr__(self) -> str:
        return f"Arrival(instance_id={self.instance_id})"


@dataclass(frozen=True, slots=True)
class Received:
    """What a receipt did. ``known``: the row of the same content that was there before; it needs no further work."""

    study_id: UUID
    known: Instance | None

    @property
    def new(self) -> bool:
        """Whether the object was not known."""
        return self.known is None


_SAME_UID = select(Study).where(Study.study_instance_uid == bindparam("uid")).with_for_update(key_share=True)
_CONTENTS = select(Instance).where(
    Instance.study_id == bindparam("study"), Instance.sop_instance_uid == bindparam("sop")
)
_INSERT_INSTANCE = insert(Instance)
"""Statements of every receipt, made once: to make them takes as long as to run them."""


def receive(session: Session, arrival: Arrival, *, now: datetime, fed: Container[UUID]) -> Received:
    """Write the rows of a received object.

    ``fed``: the studies that this association has fed before. Other content under a known SOP Instance UID makes the
    older content no longer current; the older content sent again becomes current again.
    """
    study = _study(session, arrival, now=now)
    contents = session.scalars(_CONTENTS, {"study": study.id, "sop": arrival.sop_instance_uid}).all()
    known = next((i for i in contents if i.sha256 == arrival.sha256), None)
    if known is not None and known.current:
        return Received(study.id, known)
    for content in contents:
        content.current = content is known
    if known is None:
        study.open_associations += study.id not in fed
        session.execute(_INSERT_INSTANCE, [_instance(arrival, study.id, now=now)])
    study.last_received_at = now
    study.waiting_since = study.waiting_since or now
    if _follow_identity(study, arrival.identity):
        search.change(session, study)
    return Received(study.id, known)


def _study(session: Session, arrival: Arrival, *, now: datetime) -> Study:
    """The study's row, made if need be and locked for this transaction."""
    same = {"uid": arrival.study_instance_uid}
    study = session.scalars(_SAME_UID, same).one_or_none()
    if study is not None:
        return study
    who = arrival.identity
    row = {
        "id": uuid4(),
        "study_instance_uid": arrival.study_instance_uid,
        "patient_id": who.patient_id,
        "patient_name": who.patient_name,
        "patient_birth_date": who.patient_birth_date,
        "accession_number": who.accession_number,
        "study_date": who.study_date,
        "sender_ae": arrival.sender_ae,
        "received_at": now,
        "last_received_at": now,
        "open_associations": 0,
        "identity_revision": 1,
    }
    new = insert_into(session, Study).values(row).on_conflict_do_nothing(index_elements=["study_instance_uid"])
    made = session.execute(new.returning(Study.id)).first()
    study = session.scalars(_SAME_UID, same).one()
    if made is not None:  # else somebody else was quicker
        search.add(session, study)
    return study


def _instance(arrival: Arrival, study_id: UUID, *, now: datetime) -> dict[str, object]:
    return {
        "id": arrival.instance_id,
        "study_id": study_id,
        "sop_instance_uid": arrival.sop_instance_uid,
        "sop_class_uid": arrival.sop_class_uid,
        "series_instance_uid": arrival.series_instance_uid,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "modality": arrival.modality,
        "series_description": arrival.series_description,
        "patient_id": arrival.identity.patient_id,
        "patient_name": arrival.identity.patient_name,
        "patient_birth_date": arrival.identity.patient_birth_date,
        "path": arrival.path,
        "size": arrival.size,
        "sha256": arrival.sha256,
        "sender_ae": arrival.sender_ae,
        "received_at": now,
        "current": True,
        "candidate": arrival.candidate,
        "state": InstanceState.RECEIVED if arrival.candidate else InstanceState.LISTED,
    }


_IDENTITY = ("patient_id", "patient_name", "patient_birth_date", "accession_number", "study_date")


def _follow_identity(study: Study, who: Identity) -> bool:
    """Keep the newest words about the study; words that contradict the known ones count as a new identity.

    Whether anything changed by that.
    """
    if several_patients([study, who]):
        study.identity_revision += 1
    before = [getattr(study, field) for field in _IDENTITY]
    for field in _IDENTITY:
        setattr(study, field, getattr(who, field) or getattr(study, field))
    return before != [getattr(study, field) for field in _IDENTITY]


def id_of(session: Session, study_instance_uid: Phi) -> UUID | None:
    """Our key of a study, if it is known."""
    return session.scalar(select(Study.id).where(Study.study_instance_uid == study_instance_uid))


def close_associations(session: Session, study_ids: frozenset[UUID]) -> None:
    """One association that fed these studies is gone."""
    session.execute(
        update(Study)
        .where(Study.id.in_(study_ids), Study.open_associations > 0)
        .values(open_associations=Study.open_associations - 1)
    )


def forget_associations(session: Session) -> None:
    """No association survives a restart of the node."""
    session.execute(update(Study).where(Study.open_associations > 0).values(open_associations=0))


def reopen(session: Session, study_id: UUID, *, now: datetime) -> None:
    """What the study is judged by has changed: it waits to be settled, if it does not already."""
    session.execute(update(Study).where(Study.id == study_id, Study.waiting_since.is_(None)).values(waiting_since=now))


def waiting(session: Session, *, now: datetime, cap: timedelta, limit: int = 500) -> list[UUID]:
    """Studies that something came for and that are not settled yet, longest first.

    One with an object still being prepared is left out until it has waited for ``cap``: a backlog costs nothing here.
    """
    preparing = exists().where(
        Instance.study_id == Study.id, Instance.current, Instance.state == InstanceState.RECEIVED
    )
    statement = (
        select(Study.id)
        .where(Study.waiting_since.is_not(None), (Study.waiting_since <= now - cap) | ~preparing)
        .order_by(Study.waiting_since)
        .limit(limit)
    )
    return list(session.scalars(statement))


def locked(session: Session, study_id: UUID) -> Study:
    """The study's row, locked until the transaction ends.

    Its key is not: rows that refer to it may be written meanwhile, and who has written one may still come to lock it.
    """
    return session.scalars(select(Study).where(Study.id == study_id).with_for_update(key_share=True)).one()


def lock_all(session: Session, study_ids: Select[UUID]) -> None:
    """As ``locked``, all of them, in the order of their keys, so that two who lock many do not wait for each other."""
    chosen = select(Study.id).where(Study.id.in_(study_ids)).order_by(Study.id)
    session.execute(chosen.with_for_update(key_share=True)).all()


def sizes(session: Session, study_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many objects each of the studies holds."""
    counted = select(Instance.study_id, func.count()).where(Instance.study_id.in_(study_ids))
    return {row[0]: row[1] for row in session.execute(counted.group_by(Instance.study_id))}


def current_instances(session: Session, study_id: UUID) -> list[Instance]:
    """The newest content of every object of the study."""
    statement = select(Instance).where(Instance.study_id == study_id, Instance.current).order_by(Instance.received_at)
    return list(session.scalars(statement))


def sender(session: Session, study_id: UUID) -> str:
    """The AE title that a study came by first; a self-test's counts only where nobody else sent anything of it.

    Else whoever guesses a study's UID could keep its report from its sender.
    """
    first = session.get_one(Study, study_id).sender_ae
    if first != SELF_TEST_AE:
        return first
    others = select(Instance.sender_ae).where(Instance.study_id == study_id, Instance.sender_ae != SELF_TEST_AE)
    return session.scalar(others.order_by(Instance.received_at).limit(1)) or first


def count(session: Session) -> int:
    """How many studies are known."""
    return session.scalar(select(func.count()).select_from(Study)) or 0


def known_paths(session: Session, paths: Sequence[str]) -> frozenset[str]:
    """Those of the stored files that a row names."""
    of_instances = session.scalars(select(Instance.path).where(Instance.path.in_(paths)))
    of_reports = session.scalars(select(Report.path).where(Report.path.in_(paths)))
    return frozenset(of_instances) | frozenset(of_reports)
