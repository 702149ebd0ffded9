"""Studies and their instances: what was received, under which identity. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.types import InstanceState
from db.tables import Instance, Study


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a study is about, as an object's header says. Its text never shows a value."""

    patient_id: str
    patient_name: str
    patient_birth_date: str
    accession_number: str
    study_date: str

    def __repr__(self) -> str:
        return "Identity(...)"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One received object: its UIDs, identity and where its file stands."""

    instance_id: UUID
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    series_description: str
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
    """What a receipt did: ``new`` is false for a duplicate, which changed nothing."""

    study_id: UUID
    new: bool


def receive(session: Session, arrival: Arrival, *, now: datetime, newly_open: bool) -> Received:
    """Write the rows of a received object.

    ``newly_open``: this association feeds the study for the first time. Other content under a known SOP Instance
    UID makes the older content no longer current.
    """
    study = _study(session, arrival, now=now)
    known = session.scalar(_same(arrival, study.id).where(Instance.sha256 == arrival.sha256))
    if known is not None:
        return Received(study.id, new=False)
    if newly_open:
        study.open_associations += 1
    session.execute(
        update(Instance)
        .where(Instance.study_id == study.id, Instance.sop_instance_uid == arrival.sop_instance_uid)
        .values(current=False)
    )
    session.add(_instance(arrival, study.id, now=now))
    study.last_received_at = now
    study.waiting_since = study.waiting_since or now
    _follow_identity(study, arrival.identity)
    return Received(study.id, new=True)


def _same(arrival: Arrival, study_id: UUID) -> Select[UUID]:
    return select(Instance.id).where(
        Instance.study_id == study_id, Instance.sop_instance_uid == arrival.sop_instance_uid
    )


def _study(session: Session, arrival: Arrival, *, now: datetime) -> Study:
    """The study's row, made if need be and locked for this transaction."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
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
    session.execute(insert(Study).values(row).on_conflict_do_nothing(index_elements=["study_instance_uid"]))
    found = select(Study).where(Study.study_instance_uid == arrival.study_instance_uid).with_for_update()
    return session.scalars(found).one()


def _instance(arrival: Arrival, study_id: UUID, *, now: datetime) -> Instance:
    return Instance(
        id=arrival.instance_id,
        study_id=study_id,
        sop_instance_uid=arrival.sop_instance_uid,
        sop_class_uid=arrival.sop_class_uid,
        series_instance_uid=arrival.series_instance_uid,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
        modality=arrival.modality,
        series_description=arrival.series_description,
        patient_id=arrival.identity.patient_id,
        patient_name=arrival.identity.patient_name,
        patient_birth_date=arrival.identity.patient_birth_date,
        path=arrival.path,
        size=arrival.size,
        sha256=arrival.sha256,
        sender_ae=arrival.sender_ae,
        received_at=now,
        candidate=arrival.candidate,
        state=InstanceState.RECEIVED if arrival.candidate else InstanceState.LISTED,
    )


_PATIENT = ("patient_id", "patient_name", "patient_birth_date")


def _follow_identity(study: Study, who: Identity) -> None:
    """Keep the newest words about the study; other words about the patient count as a new identity."""
    changed = {f: v for f in (*_PATIENT, "accession_number", "study_date") if (v := getattr(who, f))}
    changed = {f: v for f, v in changed.items() if v != getattr(study, f)}
    for field, value in changed.items():
        setattr(study, field, value)
    if not changed.keys().isdisjoint(_PATIENT):
        study.identity_revision += 1


def id_of(session: Session, study_instance_uid: str) -> UUID | None:
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


def waiting(session: Session, *, limit: int = 500) -> list[UUID]:
    """Studies that something came for and that are not settled yet, longest first."""
    statement = select(Study.id).where(Study.waiting_since.is_not(None)).order_by(Study.waiting_since).limit(limit)
    return list(session.scalars(statement))


def locked(session: Session, study_id: UUID) -> Study:
    """The study's row, locked until the transaction ends."""
    return session.scalars(select(Study).where(Study.id == study_id).with_for_update()).one()


def current_instances(session: Session, study_id: UUID) -> list[Instance]:
    """The newest content of every object of the study."""
    statement = select(Instance).where(Instance.study_id == study_id, Instance.current).order_by(Instance.received_at)
    return list(session.scalars(statement))


def count(session: Session) -> int:
    """How many studies are known."""
    return session.scalar(select(func.count()).select_from(Study)) or 0
