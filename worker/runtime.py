"""Builds what a worker process needs, once and after its fork."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import OperationalError

from core.errors import Unavailable
from core.jobs import JobStage
from core.settings import Settings
from db import model_versions
from db.session import Sessions, make_engine
from models import artifact
from models.classifier import Classifier
from worker.pipeline.classifying import Classifying
from worker.task import Runner, StageWork

log = logging.getLogger("perfuscope.runtime")


def inference_runner(settings: Settings) -> Runner:
    """A runner for the queue *inference*: the de-identified tables and the model, nothing else."""
    sessions = Sessions(make_engine(settings.database))
    classifier_of = classifiers(sessions, settings.cache)
    _warm(sessions, classifier_of)
    classifying = Classifying(
        sessions=sessions,
        classifier_of=classifier_of,
        ring_again=timedelta(seconds=settings.ring_again_s),
    )
    stages = {JobStage.CLASSIFY: StageWork(classifying.work, classifying.give_up, settings.max_attempts)}
    return Runner.of(settings, sessions, stages)


def _warm(sessions: Sessions, classifier_of: Callable[[UUID], Classifier]) -> None:
    """Load the active model before the first study comes; where that fails, the first study tries again."""
    try:
        with sessions.read() as session:
            active = model_versions.active(session)
        if active is not None:
            classifier_of(active.id).warm()
    except (OperationalError, Unavailable):
        log.warning("model not loaded yet; the first case will")


def classifiers(sessions: Sessions, cache: Path) -> Callable[[UUID], Classifier]:
    """Classifiers by model version: loaded on first use, from the cache or else from the database."""
    loaded: dict[UUID, Classifier] = {}

    def classifier_of(model_version_id: UUID) -> Classifier:
        if model_version_id not in loaded:
            loaded.clear()  # one model at a time keeps a process small
            loaded[model_version_id] = Classifier(artifact.load(_cached(sessions, cache, model_version_id)))
        return loaded[model_version_id]

    return classifier_of


def _cached(sessions: Sessions, cache: Path, model_version_id: UUID) -> Path:
    with sessions.read() as session:
        row = model_versions.with_bytes(session, model_version_id)
        if row is None:
            raise Unavailable("model_missing")
        folder = cache / "models" / row.sha256
        if not folder.is_dir():
            log.info("model %s %s fetched from the database", row.name, row.version)
            artifact.unpack(row.artifact, folder)
    return folder
