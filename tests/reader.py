"""A reader of the pages without a browser, and studies made of rows for it to read."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import entry
import httpx
import numpy as np
from applications import application
from pydicom import Dataset
from sqlalchemy import Engine, select, text
from starlette.types import ASGIApp
from ward import Ward, named

from core.jobs import JobStage
from core.phi import Phi
from core.roles import Role
from core.settings import Settings
from core.types import (
    REQUIRED_VIEWS,
    AuditAction,
    Outcome,
    Probabilities,
    Reason,
    Stage,
    Status,
    StudyPrediction,
    ViewPrediction,
)
from db import cases, jobs, reports, studies
from db.reports import NewReport
from db.studies import Identity
from db.tables import AuditEvent
from dicom_node import report
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header
from viewer import csrf
from viewer.access import CSRF_HEADER

JOAN = named("T-003", "TESTPATIENT^JOAN", "19520202", "A3", "20260103")


@dataclass
class Reader:
    """Asks an application for pages, as a browser on this machine does."""

    app: ASGIApp
    host: str = "127.0.0.1:8080"
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, place: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        sent = {"Host": self.host, **self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return asyncio.run(self._ask(method, place, sent))

    def post(self, place: str, fields: dict[str, str] | bytes, **headers: str) -> httpx.Response:
        """Send a form of our own pages', or any other body."""
        kind = "octet-stream" if isinstance(fields, bytes) else "x-www-form-urlencoded"
        own = {"Host": self.host, "Sec-Fetch-Site": "same-origin", "Content-Type": f"application/{kind}"}
        own[CSRF_HEADER] = csrf.token(self.headers.get("Cookie", "").partition("=")[2])
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        sent = {**own, **self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return asyncio.run(self._ask("POST", place, sent, body))

    async def _ask(self, method: str, place: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.request(method, place, headers=headers, content=body)


def reader(ward: Ward, home: Path, *, role: Role = Role.READER, **settings: object) -> Reader:
    """Somebody of that role who is logged in; the user is called like the role."""
    logged_in = {"Cookie": entry.cookie(ward.sessions, name=role.value, role=role)}
    return Reader(application(Settings(home=home, **settings), ward.sessions), headers=logged_in)


def classified(
    ward: Ward, study: str = "1.2.3", *, who: Identity = JOAN, status: Status = Status.ACCEPTED, said=(0.1, 0.7, 0.2)
) -> UUID:
    """A study whose three views arrived and were classified; its id."""
    for view in REQUIRED_VIEWS:
        ward.screen(view, study=study, who=who)
    return answered(ward, study, status=status, said=said)


def answered(ward: Ward, study: str, *, status: Status = Status.ACCEPTED, said=(0.1, 0.7, 0.2)) -> UUID:
    """The study, whose three views were prepared, is classified so; its id."""
    probabilities = Probabilities(*said)
    views = {v: ViewPrediction(v, probabilities, (0.0,) * 3, np.zeros((7, 7, 3), np.float32)) for v in REQUIRED_VIEWS}
    with ward.sessions.write() as session:
        case = cases.latest(session, studies.id_of(session, Phi(study)))
        prediction = StudyPrediction(probabilities, status, views, latency_ms=30)
        cases.record(session, case, prediction, preprocessing="1", now=ward.clock.now)
        case.stage, case.done_at = Stage.DONE, ward.clock.now
        return case.study_id


def reported(ward: Ward, study_id: UUID, store: Path | None, *, destination: str | None = "pacs") -> UUID:
    """The study's report is made and to be sent; its file is in ``store``, if that is given. The report's id."""
    now, report_id = ward.clock.now, uuid4()
    data = page_bytes()
    if store is not None:
        store.mkdir(parents=True, exist_ok=True)
        (store / f"{report_id}.dcm").write_bytes(data)
    with ward.sessions.write() as session:
        case = cases.latest(session, study_id)
        digest = hashlib.sha256(data).hexdigest()
        uids = Phi(f"2.25.{report_id.int}"), Phi("2.25.1")
        new = NewReport(report_id, study_id, case.id, "sc", *uids, f"{report_id}.dcm", digest)
        reports.add(session, new, now=now)
        if destination:
            jobs.add(
                session,
                JobStage.DELIVER,
                subject=report_id,
                now=now,
                destination=destination,
                ring_again=ward.policy.ring_again,
            )
    return report_id


def page_bytes() -> bytes:
    """A report page of an invented patient, as it would be stored."""
    source = Dataset()
    source.StudyInstanceUID, source.PatientName, source.PatientID = "1.2.3", "TESTPATIENT^JOAN", "T-003"
    content = ReportContent(
        header=Header.of(source),
        revision=1,
        outcome=Outcome.NO_RESULT,
        created_at=datetime(2026, 1, 2, 8, tzinfo=UTC),
        reason=Reason.INCOMPLETE,
    )
    made = report.build_secondary_capture(
        content,
        source,
        [],
        sop_instance_uid=Phi("2.25.7"),
        series_instance_uid=Phi("2.25.8"),
        created_at=content.created_at,
    )
    return report.to_bytes(made)


def views_written_down(ward: Ward) -> list[tuple[str, UUID | None]]:
    """What the audit trail says was looked at."""
    with ward.sessions.read() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == AuditAction.VIEW).order_by(AuditEvent.at)
        )
        return [(event.detail, event.study_id) for event in events]


@contextmanager
def no_audit_trail(engine: Engine) -> Iterator[None]:
    """While it lasts, no event can be written down."""
    schema = "" if engine.dialect.name == "sqlite" else "phi."
    for old, new in (("audit_events", "elsewhere"), ("elsewhere", "audit_events")):
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {schema}{old} RENAME TO {new}"))
        if new == "elsewhere":
            yield
