"""The words of the trade as types: views, labels, stages, outcomes, reasons, predictions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class View(StrEnum):
    """A workstation screen that the classifier reads."""

    QPS = "qps"
    STRESS_QGS = "stress_qgs"
    REST_QGS = "rest_qgs"

    @property
    def caption(self) -> str:
        """The screen's name as people write it."""
        return {"qps": "QPS", "stress_qgs": "Stress QGS", "rest_qgs": "Rest QGS"}[self.value]


REQUIRED_VIEWS: tuple[View, ...] = (View.QPS, View.STRESS_QGS, View.REST_QGS)


class Label(StrEnum):
    """What a study may be called; the order is that of the model's outputs."""

    NORMAL = "normal"
    ISCHEMIA = "ischemia"
    INFARCTION = "infarction"


LABELS: tuple[Label, ...] = tuple(Label)


class Status(StrEnum):
    """What a prediction is worth."""

    ACCEPTED = "accepted"
    NEEDS_REVIEW = "needs_review"
    REFUSED = "refused"


class Stage(StrEnum):
    """Where a study revision stands in its life."""

    RECEIVING = "receiving"
    PREPARING = "preparing"
    CLASSIFYING = "classifying"
    REPORTING = "reporting"
    DONE = "done"


class Outcome(StrEnum):
    """How a study revision ended."""

    ACCEPTED = "accepted"
    NEEDS_REVIEW = "needs_review"
    NO_RESULT = "no_result"
    QUARANTINED = "quarantined"


class State(StrEnum):
    """Where a study stands in one word: the stage of its newest revision until that is done, then its outcome."""

    RECEIVING = "receiving"
    PREPARING = "preparing"
    CLASSIFYING = "classifying"
    REPORTING = "reporting"
    ACCEPTED = "accepted"
    NEEDS_REVIEW = "needs_review"
    NO_RESULT = "no_result"
    QUARANTINED = "quarantined"


class InstanceState(StrEnum):
    """What became of one received object."""

    RECEIVED = "received"
    PREPARED = "prepared"
    LISTED = "listed"
    QUARANTINED = "quarantined"


class Decision(StrEnum):
    """What an administrator decided of an object in quarantine."""

    RELEASED = "released"
    REJECTED = "rejected"


class AuditAction(StrEnum):
    """What is written down for the auditor (PS3.15 A.5 names the events)."""

    START = "start"
    STOP = "stop"
    RECEIVE = "receive"
    RESULT = "result"
    SEND = "send"
    VIEW = "view"
    RELEASE = "release"
    REJECT = "reject"
    REQUEUE = "requeue"
    PURGE = "purge"
    SUSPEND = "suspend"
    RESUME = "resume"
    TRUST = "trust"
    EXPORT = "export"
    ACTIVATE = "activate"
    SEARCH = "search"
    REVIEW = "review"
    TRY = "try"
    TRY_PEER = "try_peer"
    """A peer was sent a test object."""
    LAYOUT = "layout"
    """A layout was saved."""
    LOGIN = "login"
    LOGOUT = "logout"
    REFUSE = "refuse"
    """A login that failed, or somebody known who asked for what is not theirs."""
    USER = "user"
    """Something was changed of a user."""
    TOKEN = "token"  # noqa: S105 - a word of the audit trail
    """Something was changed of a program's token."""


class Confidence(StrEnum):
    """How sure a reader is of a label."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


class Reason(StrEnum):
    """Why there is no result, or why an object is in quarantine. The value is the code kept in the database."""

    NO_SCREENS = "no_mpi_screens"
    INCOMPLETE = "incomplete"
    AMBIGUOUS = "ambiguous"
    PATIENTS_DIFFER = "patients_differ"
    UNKNOWN_LAYOUT = "unknown_layout"
    IMPLAUSIBLE = "implausible_maps"
    WRONG_SIZE = "wrong_size"
    VIEW_MISMATCH = "view_mismatch"
    UNDECODABLE = "undecodable_pixels"
    TOO_LARGE = "too_many_pixels"
    NOT_CORRECTED = "not_attenuation_corrected"
    TEXT_FOUND = "text_in_kept_area"
    IDENTITY_MISMATCH = "identity_mismatch"
    NOT_CHECKED = "not_checked_for_text"
    LAYOUT_SUSPENDED = "layout_suspended"
    WORKER_LOST = "worker_lost"
    MODEL_MISSING = "model_missing"
    MAPS_MISSING = "maps_missing"
    NOVEL = "novel"
    NOT_EXPORTABLE = "not_exportable"

    @property
    def sentence(self) -> str:
        """The reason in words, without identifiers."""
        return _SENTENCES[self]


_SENTENCES: dict[Reason, str] = {
    Reason.NO_SCREENS: "no MPI screens",
    Reason.INCOMPLETE: "incomplete",
    Reason.AMBIGUOUS: "several equal candidates for one view",
    Reason.PATIENTS_DIFFER: "its instances name different patients",
    Reason.UNKNOWN_LAYOUT: "the screen's layout is not known",
    Reason.IMPLAUSIBLE: "its maps cannot be perfusion maps",
    Reason.WRONG_SIZE: "the screen's size is not that of the layout",
    Reason.VIEW_MISMATCH: "header and pixels name different views",
    Reason.UNDECODABLE: "the pixels cannot be decoded",
    Reason.TOO_LARGE: "the image has more pixels than is allowed",
    Reason.NOT_CORRECTED: "not attenuation corrected",
    Reason.TEXT_FOUND: "there is text inside what would be kept",
    Reason.IDENTITY_MISMATCH: "the patient burned into the screen is not the header's",
    Reason.NOT_CHECKED: "its layout is on probation, and nothing here can read text",
    Reason.LAYOUT_SUSPENDED: "its layout is suspended until an administrator decides",
    Reason.WORKER_LOST: "every worker that tried it was lost",
    Reason.MODEL_MISSING: "the model it was opened for is gone",
    Reason.MAPS_MISSING: "kept without the polar maps that the model reads; it is to be prepared again",
    Reason.NOVEL: "unlike anything the model was trained on",
    Reason.NOT_EXPORTABLE: "such objects are not exported",
}


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Three probabilities that sum to one."""

    normal: float
    ischemia: float
    infarction: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Probabilities":
        """From an array of shape (3,) in the order of ``LABELS``."""
        return cls(*(float(v) for v in values))

    @property
    def label(self) -> Label:
        """The most probable label."""
        return max(LABELS, key=lambda label: self[label])

    def __getitem__(self, label: Label) -> float:
        return float(getattr(self, label.value))

    def as_dict(self) -> dict[str, float]:
        """As ``{"normal": ..., "ischemia": ..., "infarction": ...}``."""
        return {label.value: self[label] for label in LABELS}


@dataclass(frozen=True, slots=True)
class Novelty:
    """How far something lies from what a model was trained on, beside how far 99 of 100 training patients' peers do."""

    score: float
    limit: float

    @property
    def ratio(self) -> float:
        """The score in limits."""
        return self.score / self.limit

    @property
    def refused(self) -> bool:
        """Whether it is too unlike for a result."""
        return not self.score <= self.limit  # what is no number is refused too

    @property
    def sentence(self) -> str:
        """The ratio in words."""
        return f"{self.ratio:.3g} times the limit"


@dataclass(frozen=True, slots=True)
class ViewPrediction:
    """What the model says of one view."""

    view: View
    probabilities: Probabilities
    logits: tuple[float, float, float]
    activation: "NDArray[np.float32]" = field(repr=False)
    """The small class activation maps, shape (rows, columns, 3), one a label."""
    novelty: Novelty | None = None
    """None where the model cannot tell."""


@dataclass(frozen=True, slots=True)
class StudyPrediction:
    """What the model says of a study. One that is refused has no result, whatever the probabilities are."""

    probabilities: Probabilities
    status: Status
    views: Mapping[View, ViewPrediction]
    latency_ms: float
    novelty: Novelty | None = None
    """None where the model cannot tell."""

    @property
    def label(self) -> Label:
        """The most probable label."""
        return self.probabilities.label


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model said it: enough to find the very same file again."""

    name: str
    version: str
    sha256: str
