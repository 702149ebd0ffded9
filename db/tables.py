"""The tables. Identified ones stand in schema ``phi``; the others hold nothing that could name a patient.

A row of a de-identified table points to an identified one by an opaque id without a foreign key, so that it can be
dumped, copied and granted by itself.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    Computed,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.jobs import JobStage, JobState, Queue
from core.orders import OrderKind, OrderState
from core.phi import Phi
from core.roles import Role
from core.types import (
    AuditAction,
    Confidence,
    Decision,
    InstanceState,
    Label,
    Outcome,
    Reason,
    Stage,
    State,
    Status,
    View,
)
from db.column_types import PhiText, UtcDateTime

PHI = "phi"
ERROR_LENGTH = 64
"""How much of an error's code a job keeps."""


def _code(kind: type[StrEnum]) -> Enum:
    """An enumeration kept as its short text, so that a new member needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda members: [m.value for m in members],
    )


def only_where(condition: str) -> dict[str, Any]:
    """The arguments of an index over the rows that meet a condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


IN_FORCE = only_where("superseded_at IS NULL")
STATE = "CASE WHEN stage = 'done' AND outcome IS NOT NULL THEN outcome ELSE stage END"
"""A case's state, as ``db.worklist_rows.state_of`` tells it."""
PLACE = (
    "CASE WHEN stage = 'done' AND outcome IN ('accepted', 'needs_review') THEN outcome || '/' || coalesce(label, '')"
    f" ELSE {STATE} END"
)
"""The same with the label of those that have one: of what lists hold, one stretch of an index each."""


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: UtcDateTime(),
        AuditAction: _code(AuditAction),
        Confidence: _code(Confidence),
        Decision: _code(Decision),
        InstanceState: _code(InstanceState),
        JobStage: _code(JobStage),
        JobState: _code(JobState),
        Label: _code(Label),
        OrderKind: _code(OrderKind),
        OrderState: _code(OrderState),
        Outcome: _code(Outcome),
        Queue: _code(Queue),
        Reason: _code(Reason),
        Role: _code(Role),
        Stage: _code(Stage),
        State: _code(State),
        Status: _code(Status),
        View: _code(View),
        dict[str, Any]: JSON(),
        list[dict[str, Any]]: JSON(),
    }


class Study(Base):
    """A study as it was received: identity and receipt."""

    __tablename__ = "studies"
    __table_args__ = (
        Index(None, "received_at", "id"),
        Index(None, "sender_ae", "received_at", "id"),
        Index("ix_studies_not_cased", "received_at", "id", **only_where("cased_at IS NULL")),
        Index(None, "waiting_since"),
        {"schema": PHI},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    study_instance_uid: Mapped[Phi] = mapped_column(PhiText(64), unique=True)
    patient_id: Mapped[Phi] = mapped_column(PhiText(255))
    patient_name: Mapped[Phi] = mapped_column(PhiText(1024))
    patient_birth_date: Mapped[Phi] = mapped_column(PhiText(32))
    accession_number: Mapped[Phi] = mapped_column(PhiText(255))
    study_date: Mapped[Phi] = mapped_column(PhiText(32))
    sender_ae: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime]
    last_received_at: Mapped[datetime]
    waiting_since: Mapped[datetime | None]
    open_associations: Mapped[int] = mapped_column(default=0)
    identity_revision: Mapped[int] = mapped_column(default=1)
    identities_accepted: Mapped[str | None] = mapped_column(String(64))
    """Digest of the differing identities that an administrator has declared to be one patient."""
    cased_at: Mapped[datetime | None]
    """When its first revision was opened."""


class SearchKey(Base):
    """A word by which a study is found, folded as ``db.search`` folds what is searched for; made of ``Study``."""

    __tablename__ = "search_keys"
    __table_args__ = (
        Index(
            "ix_search_keys_word",
            "word",
            "received_at",
            "study_id",
            "kind",
            postgresql_ops={"word": "varchar_pattern_ops"},
        ),
        {"schema": PHI},
    )

    study_id: Mapped[UUID] = mapped_column(ForeignKey(Study.id), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """``name``, ``patient_id`` or ``accession``."""
    word: Mapped[Phi] = mapped_column(PhiText(64), primary_key=True)
    received_at: Mapped[datetime]
    """The study's, so that what is found need not be looked up to be sorted."""


class Instance(Base):
    """A received object and what became of it. ``current`` is false once other content came under its UID."""

    __tablename__ = "instances"
    __table_args__ = (
        UniqueConstraint("study_id", "sop_instance_uid", "sha256"),
        Index(None, "study_id", "state"),
        Index("ix_instances_quarantined", "study_id", **only_where("state = 'quarantined' AND decision IS NULL")),
        {"schema": PHI},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    study_id: Mapped[UUID] = mapped_column(ForeignKey(Study.id))
    sop_instance_uid: Mapped[Phi] = mapped_column(PhiText(64), index=True)
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    series_instance_uid: Mapped[Phi] = mapped_column(PhiText(64))
    transfer_syntax_uid: Mapped[str] = mapped_column(String(64))
    modality: Mapped[Phi] = mapped_column(PhiText(64))
    series_description: Mapped[Phi] = mapped_column(PhiText(255))
    patient_id: Mapped[Phi] = mapped_column(PhiText(255))
    patient_name: Mapped[Phi] = mapped_column(PhiText(1024))
    patient_birth_date: Mapped[Phi] = mapped_column(PhiText(32))
    path: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    sender_ae: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime]
    current: Mapped[bool] = mapped_column(default=True)
    candidate: Mapped[bool]
    state: Mapped[InstanceState]
    reason: Mapped[Reason | None]
    view: Mapped[View | None]
    rule_rank: Mapped[int | None]
    acquired_at: Mapped[Phi | None] = mapped_column(PhiText(64))
    judged_at: Mapped[datetime | None]
    view_image_id: Mapped[UUID | None]
    """The crop in force; without a foreign key, like every step between the two sides."""
    decision: Mapped[Decision | None]
    """What an administrator decided of an object in quarantine."""
    purged_at: Mapped[datetime | None]
    """When its file was deleted by retention."""
    checks: Mapped[dict[str, Any] | None]
    """What was read of its pixels, by which engine, and what came of it: codes and counts, never a text."""


class Report(Base):
    """A report object: built once, its bytes in the store, its UIDs fixed before the first send."""

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("case_id", "kind"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    study_id: Mapped[UUID] = mapped_column(ForeignKey(Study.id), index=True)
    case_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(8))
    sop_instance_uid: Mapped[Phi] = mapped_column(PhiText(64), unique=True)
    series_instance_uid: Mapped[Phi] = mapped_column(PhiText(64))
    path: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    purged_at: Mapped[datetime | None]


class Commitment(Base):
    """A request for storage commitment (PS3.4 J): written down before it is asked, so that any answer finds it."""

    __tablename__ = "commitments"
    __table_args__ = (Index(None, "case_id", "destination"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    transaction_uid: Mapped[Phi] = mapped_column(PhiText(64), unique=True)
    case_id: Mapped[UUID | None]
    """None for a test object of ``perfuscope doctor``."""
    destination: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    """When the last of its objects was answered for, or given up."""


class CommitmentItem(Base):
    """An object of a request, and what the destination said of it."""

    __tablename__ = "commitment_items"
    __table_args__ = (UniqueConstraint("commitment_id", "sop_instance_uid"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    commitment_id: Mapped[UUID] = mapped_column(ForeignKey(Commitment.id))
    report_id: Mapped[UUID | None] = mapped_column(ForeignKey(Report.id), index=True)
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[Phi] = mapped_column(PhiText(64))
    state: Mapped[str] = mapped_column(String(16))
    """``prepared``, ``asked`` once the destination has taken the request, ``stored``, ``failed`` or ``unanswered``."""
    reason: Mapped[int | None]
    """The Failure Reason (PS3.3 C.14.1.1)."""


class Review(Base):
    """What a reader says of a revision. Rows are only ever added: a reader's newest one counts, the others stay."""

    __tablename__ = "reviews"
    __table_args__ = (Index(None, "case_id"), Index(None, "created_at"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """Made with the form, so that one that is sent again adds nothing."""
    study_id: Mapped[UUID] = mapped_column(ForeignKey(Study.id), index=True)
    case_id: Mapped[UUID]
    reader: Mapped[str] = mapped_column(String(64))
    """The name that the reader logs in with."""
    label: Mapped[Label]
    model_label: Mapped[Label | None]
    """What the model's most probable label was, if it gave one."""
    confidence: Mapped[Confidence]
    comment: Mapped[Phi] = mapped_column(PhiText(2000))
    created_at: Mapped[datetime]


class AuditEvent(Base):
    """Who did what, to which study. Rows are only ever added."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "study_id"),
        Index(None, "actor", "at"),
        Index(None, "action", "at"),
        {"schema": PHI},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    """``perfuscope`` for what it does by itself, a process of ours (``node``, ``worker``, ``viewer``) for its start and
    stop, a sender as ``ae:TITLE``, an operator as ``os:NAME``, who logged in to the pages as ``user:NAME``, a program
    of theirs as ``token:NAME/LABEL``; a login that failed is told of ``web``."""
    action: Mapped[AuditAction]
    study_id: Mapped[UUID | None]
    """No foreign key: the record of a study outlives it."""
    subject: Mapped[UUID | None]
    """The instance, case, report or job it was done to."""
    detail: Mapped[str] = mapped_column(String(255), default="")
    """Codes and counts, never free text."""


class ModelVersion(Base):
    """A model artifact, whole, so that an inference worker needs no shared folder."""

    __tablename__ = "model_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    card: Mapped[dict[str, Any]]
    artifact: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    active: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    activations: Mapped[list[dict[str, Any]] | None]
    """When, by whom and on what grounds it was activated, each time; no patient is named."""


class Case(Base):
    """One revision of a study, under an opaque id. ``inputs`` lists the crops chosen for its views."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("study_id", "revision"),
        Index(None, "opened_at"),
        # One for each way that ``db.worklist_keys`` walks along; those in force are all that is listed.
        Index("ix_cases_received", "received_at", "study_id", **IN_FORCE),
        Index("ix_cases_place", "place", "received_at", "study_id", **IN_FORCE),
        Index("ix_cases_sender", "sender_ae", "place", "received_at", "study_id", **IN_FORCE),
        Index("ix_cases_done", "place", "done_at", "study_id", **IN_FORCE),
        Index("ix_cases_sender_done", "sender_ae", "place", "done_at", "study_id", **IN_FORCE),
    )
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - SQLAlchemy's own declaration

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    study_id: Mapped[UUID]
    revision: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(String(64))
    inputs: Mapped[list[dict[str, Any]]]
    model_version_id: Mapped[UUID] = mapped_column(ForeignKey(ModelVersion.id))
    stage: Mapped[Stage]
    outcome: Mapped[Outcome | None]
    reason: Mapped[Reason | None]
    detail: Mapped[str] = mapped_column(String(255), default="")
    label: Mapped[Label | None]
    opened_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    """The study's, so that lists of cases are sorted without it; None where the study was gone already."""
    sender_ae: Mapped[str | None] = mapped_column(String(64))
    """The study's, for the same reason."""
    fed_at: Mapped[datetime | None]
    """When the last object before it came; None where nothing had come since the revision before."""
    state: Mapped[State] = mapped_column(Computed(STATE, persisted=True), deferred=True)
    place: Mapped[str] = mapped_column(String(80), Computed(PLACE, persisted=True), deferred=True)


class ViewImage(Base):
    """A de-identified crop as PNG, with the layout that decided what was kept.

    An object that was prepared again has several; what a revision was made from stays.
    """

    __tablename__ = "view_images"
    __table_args__ = (UniqueConstraint("instance_id", "layout", "layout_version", "sha256"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    instance_id: Mapped[UUID]
    study_id: Mapped[UUID] = mapped_column(index=True)
    view: Mapped[View]
    layout: Mapped[str] = mapped_column(String(64))
    layout_version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    png: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime]
    checks: Mapped[dict[str, Any] | None]
    """What was checked before it was kept; see ``Instance.checks``."""
    maps: Mapped[dict[str, Any] | None]
    """Where its polar maps lie and the scale of their colours, as ``core.maps.Maps`` writes it; None in older rows."""


class LayoutState(Base):
    """Whether the screens of a layout may be used: a row for each content of its file; a shipped one needs none."""

    __tablename__ = "layout_states"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the file: a changed file is another layout, and on probation anew."""
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    passed: Mapped[int] = mapped_column(default=0)
    """Images on probation that were read and held no text."""
    trusted_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_by: Mapped[UUID | None]
    """The object that it was suspended for."""
    created_at: Mapped[datetime]


class Prediction(Base):
    """What the model said of one view, or of the whole case (``view`` empty)."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("case_id", "view"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey(Case.id))
    view: Mapped[str] = mapped_column(String(16), default="")
    label: Mapped[Label]
    p_normal: Mapped[float]
    p_ischemia: Mapped[float]
    p_infarction: Mapped[float]
    status: Mapped[Status]
    activation: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    model_version_id: Mapped[UUID] = mapped_column(ForeignKey(ModelVersion.id))
    preprocessing: Mapped[str] = mapped_column(String(32))
    latency_ms: Mapped[float]
    created_at: Mapped[datetime]
    novelty: Mapped[float | None]
    """How far it lies from what the model was trained on, 1 being the limit; None where the model cannot tell."""


class Job(Base):
    """A stage of work for one opaque subject: the truth that messages only ring for."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("subject", "stage", "destination"), Index(None, "state", "ring_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    stage: Mapped[JobStage]
    queue: Mapped[Queue]
    subject: Mapped[UUID]
    destination: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[JobState] = mapped_column(default=JobState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    rings: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    ring_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(ERROR_LENGTH))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class GivenUp(Base):
    """A delivery that was given up, with the study that it is of: what a list of them walks along.

    Triggers on ``jobs`` write it with the delivery's end, and delete it when that is tried again, or goes.
    """

    __tablename__ = "given_up"
    __table_args__ = (Index(None, "received_at", "study_id"), Index(None, "study_id"))

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    study_id: Mapped[UUID]
    received_at: Mapped[datetime]
    """The study's."""


class DestinationState(Base):
    """How a destination does: whose turn it is, and until when nobody tries because it is down."""

    __tablename__ = "destination_states"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    """Since the last time that it answered."""
    closed_until: Mapped[datetime | None]
    holder: Mapped[UUID | None]
    """The job whose turn it is, as long as that job runs."""
    held_since: Mapped[datetime | None]


class Counter(Base):
    """Something that is counted and that an administrator sees."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]
