"""Stage *report*: one page per revision, built once; its bytes and UIDs are stored before the first send."""

import hashlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pydicom
from pydicom.uid import generate_uid
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import Bell, JobStage
from core.settings import Settings
from core.types import ModelIdentity, Outcome, Stage, Status, StudyPrediction, View, ViewPrediction
from db import cases, jobs, reports, studies
from db.jobs import Claimed
from db.reports import NewReport
from db.session import Sessions
from db.tables import Case, Instance, ModelVersion, Prediction, Study, ViewImage
from dicom_node import report
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header
from worker.pipeline.classifying import decode_png
from worker.task import Finish

log = logging.getLogger("perfuscope.report")

_KIND = "sc"
_MOST_SOURCES = 100
"""A page about a study without screens names no more objects than this as its sources."""


@dataclass(frozen=True, slots=True)
class _Material:
    """All that a report is made from, read in one go."""

    case: Case
    study: Study
    model: ModelVersion
    images: list[ViewImage]
    predictions: dict[View | None, Prediction]
    instances: list[Instance]


@dataclass(frozen=True, slots=True)
class Reporting:
    """The stage with what it needs."""

    sessions: Sessions
    inbox: Inbox
    layouts: Sequence[Layout]
    settings: Settings
    ring_again: timedelta

    def work(self, claimed: Claimed) -> Finish:
        """Build the page and store its bytes; a case that was superseded or reported already is left alone."""
        with self.sessions.read() as session:
            case = session.get_one(Case, claimed.subject)
            if case.superseded_at is not None or reports.of_case(session, case.id):
                return self._nothing
            material = _read(session, case)
            now = self.sessions.now(session)
        return self._record(self._build(material, now))

    def give_up(self, claimed: Claimed, _code: str) -> Finish:
        """The result stands, without a report."""

        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, claimed.subject)
            if case is not None:
                case.stage, case.done_at = Stage.DONE, now
            return []

        return finish

    def _build(self, material: _Material, now: datetime) -> NewReport:
        source = _source(material.instances)
        header = pydicom.Dataset() if source is None else self._header(source)
        local = now.astimezone(report.zone_of(header) or self._zone())
        sop_instance_uid, series_instance_uid = generate_uid(prefix=None), generate_uid(prefix=None)
        built = report.build_secondary_capture(
            _content(material, header, self.layouts, local),
            header,
            [SourceReference(i.sop_class_uid, i.sop_instance_uid, i.series_instance_uid) for i in material.instances],
            sop_instance_uid=sop_instance_uid,
            series_instance_uid=series_instance_uid,
            created_at=local,
        )
        data = report.to_bytes(built)
        report_id = uuid4()
        return NewReport(
            id=report_id,
            study_id=material.study.id,
            case_id=material.case.id,
            kind=_KIND,
            sop_instance_uid=sop_instance_uid,
            series_instance_uid=series_instance_uid,
            path=self.inbox.write(data, report_id),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def _zone(self) -> tzinfo | None:
        """The zone that a report's times are written in, where the source names none; None is this machine's."""
        name = self.settings.report.timezone
        return None if name == "local" else ZoneInfo(name)

    def _header(self, source: Instance) -> pydicom.Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
            return pydicom.dcmread(self.inbox.path(source.path), stop_before_pixels=True)

    def _record(self, new: NewReport) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, new.case_id)
            if case is None:
                self.inbox.discard(new.path)
                return []
            reports.add(session, new, now=now)
            case.stage, case.done_at = Stage.DONE, now
            return self._deliver(session, new, now=now)

        return finish

    def _deliver(self, session: Session, new: NewReport, *, now: datetime) -> list[Bell]:
        destination = self._destination(session.get_one(Study, new.study_id).sender_ae)
        if destination is None:
            log.warning("report %s has no destination; the result is shown all the same", new.id)
            return []
        bell = jobs.add(
            session,
            JobStage.DELIVER,
            subject=new.id,
            now=now,
            destination=destination,
            ring_again=self.ring_again,
        )
        return [bell] if bell else []

    def _destination(self, sender_ae: str) -> str | None:
        if self.settings.report.destination != "sender":
            return self.settings.report.destination
        peer = self.settings.peer_of(sender_ae)
        return peer.name if peer else None

    @staticmethod
    def _nothing(_session: Session, _now: datetime) -> list[Bell]:
        return []


def _read(session: Session, case: Case) -> _Material:
    images = cases.crops(session, case)
    chosen = [image.instance_id for image in images]
    instances = list(session.scalars(select(Instance).where(Instance.id.in_(chosen)).order_by(Instance.view)))
    return _Material(
        case=case,
        study=session.get_one(Study, case.study_id),
        model=session.get_one(ModelVersion, case.model_version_id),
        images=images,
        predictions=cases.predictions(session, case.id),
        instances=instances or studies.current_instances(session, case.study_id)[:_MOST_SOURCES],
    )


def _source(instances: list[Instance]) -> Instance | None:
    """The object whose header the report follows: the QPS screen, else the first there is."""
    return next((i for i in instances if i.view is View.QPS), instances[0] if instances else None)


def _content(material: _Material, header: pydicom.Dataset, layouts: Sequence[Layout], now: datetime) -> ReportContent:
    case = material.case
    outcome = case.outcome or Outcome.NO_RESULT
    return ReportContent(
        header=Header.of(header),
        revision=case.revision,
        outcome=outcome,
        created_at=now,
        prediction=_prediction(material.predictions) if material.predictions else None,
        reason=case.reason,
        model=ModelIdentity(material.model.name, material.model.version, material.model.sha256),
        crops={image.view: decode_png(image.png) for image in material.images},
        panels={image.view: _panels(image, layouts) for image in material.images},
        notes=(case.detail,) if case.detail else (),
    )


def _panels(image: ViewImage, layouts: Sequence[Layout]) -> tuple[str, ...]:
    """The names of a crop's tiles; none if its layout has changed since."""
    for layout in layouts:
        if (layout.name, layout.version) == (image.layout, image.layout_version):
            return next((tuple(p.name for p in v.panels) for v in layout.views if v.view is image.view), ())
    return ()


def _prediction(rows: dict[View | None, Prediction]) -> StudyPrediction:
    study = rows[None]
    return StudyPrediction(
        probabilities=cases.probabilities(study),
        status=Status(study.status),
        views={view: _view_prediction(view, row) for view, row in rows.items() if view is not None},
        latency_ms=study.latency_ms,
    )


def _view_prediction(view: View, row: Prediction) -> ViewPrediction:
    return ViewPrediction(
        view=view,
        probabilities=cases.probabilities(row),
        logits=(0.0, 0.0, 0.0),
        activation=np.zeros((7, 7, 3), dtype=np.float32),
    )
