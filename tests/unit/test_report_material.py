"""The report page gets what was kept of a case: activation maps, the card's threshold, the polar maps' places."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from reader import classified
from sqlalchemy import select
from ward import MAPS, Ward

from core.types import REQUIRED_VIEWS, View
from db import cases
from db.tables import Case, ModelVersion, Prediction, ViewImage
from worker.pipeline import material

CARD = {
    "kind": "study",
    "review_below": 0.7,
    "statement": "Trained on clinical images.",
    "training": {"source": "clinical"},
}


def page(ward: Ward, study_id, **changes):
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    with ward.sessions.write() as session:
        case = session.scalars(select(Case).where(Case.study_id == study_id)).one()
        session.get_one(ModelVersion, case.model_version_id).card = CARD
        for image in session.scalars(select(ViewImage)):
            image.png = buffer.getvalue()
    with ward.sessions.read() as session:
        found = material.read(session, session.scalars(select(Case).where(Case.study_id == study_id)).one())
    return material.content(found, Dataset(), (), ward.clock.now, **changes)


def kept(ward: Ward, activation: bytes | None) -> None:
    with ward.sessions.write() as session:
        for row in session.scalars(select(Prediction).where(Prediction.view != "")):
            row.activation = activation


def test_activation_maps_come_back_as_they_were_written(ward):
    study_id = classified(ward)
    maps = np.linspace(0, 1, 7 * 7 * 3, dtype="<f4").reshape(7, 7, 3)
    kept(ward, maps.tobytes())
    content = page(ward, study_id)
    for view in REQUIRED_VIEWS:
        assert (content.prediction.views[view].activation == maps).all()


@pytest.mark.parametrize("activation", [None, b"", b"\0" * 4 * 10])
def test_rows_without_activation_maps_have_none(ward, activation):
    study_id = classified(ward)
    kept(ward, activation)
    assert {said.activation.shape for said in page(ward, study_id).prediction.views.values()} == {(0, 0, 3)}


def test_threshold_statement_and_kind_are_the_card_s(ward):
    about = page(ward, classified(ward)).about_model
    assert (about.review_below, about.statement, about.explains_maps) == (0.7, "Trained on clinical images.", True)


def test_polar_maps_and_whether_the_patient_is_shown_reach_the_page(ward):
    study_id = classified(ward)
    content = page(ward, study_id, show_patient=False)
    assert content.maps[View.QPS] == MAPS
    assert not content.show_patient
    assert page(ward, study_id).show_patient


def test_a_worklist_does_not_load_activation_maps(ward):
    study_id = classified(ward)
    with ward.sessions.read() as session:
        case = session.scalars(select(Case).where(Case.study_id == study_id)).one()
        assert all("activation" not in row.__dict__ for row in cases.predictions(session, case.id).values())
