"""A stored result computed again: the same crops, the same model, the same probabilities, or what is missing for it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.errors import PerfuscopeError, Unavailable
from core.settings import Settings
from core.types import LABELS, ModelIdentity, Probabilities, View
from db import cases
from db.session import Sessions
from db.tables import Case, ModelVersion
from worker.pipeline.classifying import inputs_of
from worker.runtime import classifiers

_SAME = 1e-4
"""The largest difference that another machine's arithmetic may make; the bound of the parity test."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A revision's probabilities as they are stored and as they come out now, for the study and each view."""

    revision: int
    model: ModelIdentity
    rows: tuple[tuple[str, Probabilities, Probabilities], ...]

    @property
    def difference(self) -> float:
        """The largest difference between two probabilities."""
        return max(abs(stored[label] - now[label]) for _, stored, now in self.rows for label in LABELS)

    @property
    def same(self) -> bool:
        """Whether no probability differs by more than another machine's arithmetic may make."""
        return self.difference <= _SAME

    def as_dict(self) -> dict[str, Any]:
        """For ``--format json``."""
        rows = [{"of": name, "stored": stored.as_dict(), "now": now.as_dict()} for name, stored, now in self.rows]
        return {
            "revision": self.revision,
            "model": {"name": self.model.name, "version": self.model.version, "sha256": self.model.sha256},
            "same": self.same,
            "difference": self.difference,
            "probabilities": rows,
        }


def replay(sessions: Sessions, settings: Settings, study_id: UUID, *, revision: int | None) -> Replayed:
    """Classify a revision's stored crops again; the newest revision where none is named.

    Raises ``PerfuscopeError`` where there is no result to repeat, or where crops or the model are gone.
    """
    with sessions.read() as session:
        case = _case(cases.revisions(session, study_id), revision)
        stored = cases.predictions(session, case.id)
        crops = {image.view: image for image in cases.crops(session, case)}
        model = session.get_one(ModelVersion, case.model_version_id)
        said = {view: cases.probabilities(row) for view, row in stored.items()}
    if None not in said:
        raise PerfuscopeError(f"revision {case.revision} has no result to repeat")
    missing = [view.caption for view in said if view is not None and view not in crops]
    if missing:
        raise PerfuscopeError(f"the crops of {', '.join(missing)} were purged")
    try:
        classifier = classifiers(sessions, settings.cache)(case.model_version_id)
    except Unavailable:
        raise PerfuscopeError("the model that made this result is gone") from None
    prediction = classifier.predict(inputs_of(list(crops.values())))
    now: dict[View | None, Probabilities] = {view: p.probabilities for view, p in prediction.views.items()}
    now[None] = prediction.probabilities
    order = (None, *(view for view in View if view in crops))
    rows = tuple((view.caption if view else "Study", said[view], now[view]) for view in order)
    return Replayed(case.revision, ModelIdentity(model.name, model.version, model.sha256), rows)


def _case(revisions: list[Case], wanted: int | None) -> Case:
    found = [case for case in revisions if wanted in (None, case.revision)]
    if not found:
        raise PerfuscopeError("there is no such revision" if revisions else "that study has no revision yet")
    return found[-1]
