"""Stage *classify*: the crops of a case become predictions. Sees no identified table, no DICOM, no shared folder."""

import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from core.jobs import Bell, JobStage
from core.maps import Maps
from core.pixels import RgbImage
from core.types import Reason, StudyPrediction, View
from db import cases, jobs
from db.jobs import Claimed
from db.session import Sessions
from db.tables import Case, ViewImage
from models.classifier import Classifier
from models.crop import CropInput
from models.preprocess import PREPROCESSING_VERSION
from worker.task import Finish

log = logging.getLogger("perfuscope.classify")


@dataclass(frozen=True, slots=True)
class Classifying:
    """The stage with what it needs; ``classifier_of`` gives the classifier of a row in ``model_versions``."""

    sessions: Sessions
    classifier_of: Callable[[UUID], Classifier]
    ring_again: timedelta

    def work(self, claimed: Claimed) -> Finish:
        """Classify; a case that was superseded meanwhile is left alone."""
        with self.sessions.read() as session:
            case = session.get_one(Case, claimed.subject)
            if case.superseded_at is not None:
                return _nothing
            model_version_id = case.model_version_id
            images = cases.crops(session, case)
        classifier = self.classifier_of(model_version_id)
        prediction = classifier.predict(inputs_of(images))
        log.info("case %s classified in %.0f ms", claimed.subject, prediction.latency_ms)
        return self._record(claimed.subject, prediction)

    def give_up(self, claimed: Claimed, code: str) -> Finish:
        """A case that cannot be classified ends without a result; whether that is worth a page, the edge decides."""
        reason = Reason(code) if code in {r.value for r in Reason} else Reason.WORKER_LOST

        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, claimed.subject)
            if case is None:
                return []
            cases.fail(case, reason, now=now)
            return self._report(session, case.id, now=now)

        return finish

    def _record(self, case_id: UUID, prediction: StudyPrediction) -> Finish:
        def finish(session: Session, now: datetime) -> list[Bell]:
            case = cases.live(session, case_id)
            if case is None:
                return []
            cases.record(session, case, prediction, preprocessing=PREPROCESSING_VERSION, now=now)
            return self._report(session, case.id, now=now)

        return finish

    def _report(self, session: Session, case_id: UUID, *, now: datetime) -> list[Bell]:
        bell = jobs.ask_again(session, JobStage.REPORT, subject=case_id, now=now, ring_again=self.ring_again)
        return [bell] if bell else []


def inputs_of(images: Sequence[ViewImage]) -> dict[View, CropInput]:
    """What a classifier reads of stored crops, by view."""
    return {
        image.view: CropInput(decode_png(image.png), Maps.of_json(image.maps) if image.maps else None)
        for image in images
    }


def decode_png(png: bytes) -> RgbImage:
    """A stored crop's pixels."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _nothing(_session: Session, _now: datetime) -> list[Bell]:
    return []
