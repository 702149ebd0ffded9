"""What a report is made from: read from the tables and the store in one go, then put into a page's words."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pydicom
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.maps import Maps
from core.types import Decision, ModelIdentity, Outcome, Status, StudyPrediction, View, ViewPrediction
from db import cases, reports, studies
from db.reports import Standing
from db.tables import Case, Instance, ModelVersion, Prediction, Report, Study, ViewImage
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.report_content import AboutModel, ReportContent
from dicom_node.report_header import Header
from worker.pipeline.classifying import decode_png

_MOST_SOURCES = 100
"""A page about a study without screens names no more objects than this as its sources."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report is made from. A page that takes a result back speaks of that result's own objects."""

    case: Case
    study: Study
    model: ModelVersion
    images: list[ViewImage]
    predictions: dict[View | None, Prediction]
    instances: list[Instance]
    standing: Standing | None
    predecessors: list[Report]
    """The structured report on the result that stands."""


def read(session: Session, case: Case) -> Material:
    """The rows of a case and, where an earlier result stands in the PACS, of that one."""
    images = cases.crops(session, case)
    standing = reports.standing(session, case)
    shown = images if case.label is not None or standing is None else cases.crops(session, standing.case)
    instances = _instances(session, [image.instance_id for image in shown])
    return Material(
        case=case,
        study=session.get_one(Study, case.study_id),
        model=session.get_one(ModelVersion, case.model_version_id),
        images=images,
        predictions=cases.predictions(session, case.id, activation=True),
        instances=instances or _counting(session, case.study_id)[:_MOST_SOURCES],
        standing=standing,
        predecessors=reports.sent_of(session, standing.case.id, kinds=[reports.STRUCTURED]) if standing else [],
    )


def _counting(session: Session, study_id: UUID) -> list[Instance]:
    """The study's objects but those that an administrator rejected: they may be a stranger's."""
    return [i for i in studies.current_instances(session, study_id) if i.decision is not Decision.REJECTED]


def _instances(session: Session, ids: list[UUID]) -> list[Instance]:
    return list(session.scalars(select(Instance).where(Instance.id.in_(ids)).order_by(Instance.view)))


def header(material: Material, inbox: Inbox) -> pydicom.Dataset:
    """The header that the report follows: the QPS screen's, else the first object's; empty without objects.

    Where that file was deleted by retention, the standing report has the same patient and study. Raises Unavailable
    where nothing can be read.
    """
    paths = [i.path for i in sorted(material.instances, key=lambda i: i.view is not View.QPS)[:1]]
    if material.standing is not None:
        paths.append(material.standing.report.path)
    if not paths:
        return pydicom.Dataset()
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
            try:
                return pydicom.dcmread(inbox.path(path), stop_before_pixels=True)
            except OSError:
                continue
    raise Unavailable("source_unreadable")


def content(
    material: Material, source: pydicom.Dataset, layouts: Sequence[Layout], now: datetime, *, show_patient: bool = True
) -> ReportContent:
    """What the page says; ``source`` is the header it follows."""
    case = material.case
    before = material.standing.case if material.standing else None
    return ReportContent(
        header=Header.of(source),
        revision=case.revision,
        outcome=case.outcome or Outcome.NO_RESULT,
        created_at=now,
        prediction=_prediction(material.predictions) if material.predictions else None,
        reason=case.reason,
        model=ModelIdentity(material.model.name, material.model.version, material.model.sha256),
        about_model=AboutModel.of(material.model.card),
        crops={image.view: decode_png(image.png) for image in material.images},
        panels={image.view: _panels(image, layouts) for image in material.images},
        maps={image.view: Maps.of_json(image.maps) for image in material.images if image.maps},
        notes=(f"{case.detail[0].upper()}{case.detail[1:]}.",) if case.detail else (),
        replaces=before.revision if before else None,
        show_patient=show_patient,
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
        activation=cases.activation(row),
    )
