"""The studies that pages list: filtered, sorted, and cut into pages by cursor."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from core.phi import NOTHING, Phi
from core.types import InstanceState, Label, Outcome, Probabilities, Reason, Stage
from db import cases, pages, reviews
from db.results import state_of
from db.reviews import Standing
from db.tables import Case, Prediction, Study

AT_WORK = ("receiving", "preparing", "classifying", "reporting")
UNDELIVERED = "undelivered"


class Sort(StrEnum):
    """In which order."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which studies, and from where on."""

    states: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    sender: str | None = None
    needs_review: bool | None = None
    text: Phi = NOTHING
    """The beginning of a patient's name, a patient ID, or an accession number."""
    sort: Sort = Sort.NEWEST
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A study with its newest revision."""

    study_id: UUID
    patient_name: Phi = field(repr=False)
    patient_id: Phi = field(repr=False)
    accession_number: Phi = field(repr=False)
    study_date: Phi = field(repr=False)
    sender: str
    received_at: datetime
    state: str
    revision: int | None
    label: Label | None
    """The most probable one, whatever became of it."""
    probabilities: Probabilities | None
    reason: Reason | None
    detail: str
    deliveries: tuple[str, ...]
    """The states of its newest revision's deliveries, each once."""
    in_quarantine: int
    """How many of its objects are in quarantine."""
    review: Standing | None
    """What its readers say of the newest revision."""


@dataclass(frozen=True, slots=True)
class Page:
    """Studies in order, and the cursor that the next page begins after."""

    rows: tuple[Row, ...] = field(repr=False)
    next_cursor: str | None


def page(session: Session, wanted: Filter, limit: int = 50) -> Page:
    """At most ``limit`` studies, in a number of queries that does not grow with them. ValueError for a strange cursor."""
    found = session.execute(_statement(wanted).limit(limit + 1)).all()
    listed = found[:limit]
    studies = [study.id for study, _, _ in listed]
    case_ids = [case.id for _, case, _ in listed if case is not None]
    deliveries, standings = pages._deliveries(session, case_ids), reviews.standings(session, case_ids)  # noqa: SLF001
    preparing = pages._studies_with(session, studies, InstanceState.RECEIVED)  # noqa: SLF001
    quarantined = pages._studies_with(session, studies, InstanceState.QUARANTINED)  # noqa: SLF001
    rows = tuple(
        Row(
            study_id=study.id,
            patient_name=study.patient_name,
            patient_id=study.patient_id,
            accession_number=study.accession_number,
            study_date=study.study_date,
            sender=study.sender_ae,
            received_at=study.received_at,
            state=state_of(case, preparing=study.id in preparing),
            revision=case.revision if case else None,
            label=said.label if said else None,
            probabilities=cases.probabilities(said) if said else None,
            reason=case.reason if case else None,
            detail=case.detail if case else "",
            deliveries=deliveries.get(case.id, ()) if case else (),
            in_quarantine=quarantined.get(study.id, 0),
            review=standings.get(case.id) if case else None,
        )
        for study, case, said in listed
    )
    return Page(rows, _cursor(rows[-1], wanted.sort) if len(found) > limit else None)


def _statement(wanted: Filter) -> Select[Study, Case, Prediction]:
    current = and_(Case.study_id == Study.id, Case.superseded_at.is_(None))
    whole = and_(Prediction.case_id == Case.id, Prediction.view == "")
    statement = select(Study, Case, Prediction).outerjoin(Case, current).outerjoin(Prediction, whole)
    statement = statement.where(*_conditions(wanted))
    if wanted.cursor:
        statement = statement.where(_after(wanted))
    if wanted.sort is Sort.PATIENT:
        return statement.order_by(Study.patient_name, Study.id)
    if wanted.sort is Sort.OLDEST:
        return statement.order_by(Study.received_at, Study.id)
    return statement.order_by(Study.received_at.desc(), Study.id.desc())


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(or_(*(_in_state(state) for state in wanted.states)))
    if wanted.labels:
        found.append(Case.label.in_(wanted.labels))
    if wanted.since is not None:
        found.append(Study.received_at >= wanted.since)
    if wanted.until is not None:
        found.append(Study.received_at < wanted.until)
    if wanted.sender:
        found.append(Study.sender_ae == wanted.sender)
    if wanted.text:
        found.append(_named(wanted.text))
    return found


def _in_state(state: str) -> ColumnElement[bool]:
    if state == UNDELIVERED:
        return pages._undelivered()  # noqa: SLF001
    if state in AT_WORK:
        return or_(Case.id.is_(None), Case.stage != Stage.DONE, Case.outcome.is_(None))
    return and_(Case.stage == Stage.DONE, Case.outcome == Outcome(state))


def _named(text: Phi) -> ColumnElement[bool]:
    typed = text.reveal().replace(", ", "^").strip()
    return or_(
        Study.accession_number == Phi(typed),
        Study.patient_id == Phi(typed),
        Study.patient_name.between(Phi(typed.upper()), Phi(typed.upper() + "\uffff")),
    )


def _cursor(last: Row, sort: Sort) -> str:
    key: Any = last.patient_name.reveal() if sort is Sort.PATIENT else last.received_at.timestamp()
    return urlsafe_b64encode(json.dumps([key, last.study_id.hex]).encode()).decode().rstrip("=")


def _after(wanted: Filter) -> ColumnElement[bool]:
    text = wanted.cursor or ""
    try:
        key, hexed = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        study_id = UUID(hex=hexed)
        at = Phi(key) if wanted.sort is Sort.PATIENT else datetime.fromtimestamp(key, UTC)
    except (TypeError, ValueError, AttributeError, OverflowError, OSError):
        raise ValueError("no cursor of this list") from None
    column: Any = Study.patient_name if wanted.sort is Sort.PATIENT else Study.received_at
    if wanted.sort is Sort.NEWEST:
        return or_(column < at, and_(column == at, Study.id < study_id))
    return or_(column > at, and_(column == at, Study.id > study_id))
