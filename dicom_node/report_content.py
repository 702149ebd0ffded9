"""Everything a report page shows, gathered in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core import TRAINED_ON
from core.maps import Maps
from core.pixels import RgbImage
from core.types import ModelIdentity, Outcome, Reason, Status, StudyPrediction, View
from dicom_node.report_header import Header

_WITH_RESULT = {Outcome.ACCEPTED, Outcome.NEEDS_REVIEW}


@dataclass(frozen=True, slots=True)
class AboutModel:
    """What a page says of the model beside its name, from its card; the defaults are those of a model without one."""

    statement: str = TRAINED_ON
    """What it was trained on."""
    review_below: float | None = None
    """The least probability that needs no review."""
    explains_maps: bool = False
    """Whether an activation map explains each polar map of its view, not the view's crop as a whole."""

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> "AboutModel":
        """From a card as the database keeps it. That a model learned from simulated images is said whatever it says."""
        simulated = card.get("training", {}).get("source", "simulated") == "simulated"
        below = card.get("review_below")
        return cls(
            TRAINED_ON if simulated else str(card.get("statement") or TRAINED_ON),
            float(below) if isinstance(below, int | float) else None,
            explains_maps=card.get("kind") == "study",
        )


@dataclass(frozen=True, slots=True)
class ReportContent:
    """What one revision of a study says; raises ValueError where its parts contradict each other."""

    header: Header = field(repr=False)
    revision: int
    outcome: Outcome
    created_at: datetime
    """When the report was made; aware, printed with its UTC offset."""
    prediction: StudyPrediction | None = None
    """Shown only with the outcomes accepted and needs review, which require it."""
    reason: Reason | None = None
    """Why there is no result."""
    model: ModelIdentity | None = None
    about_model: AboutModel = AboutModel()
    crops: Mapping[View, RgbImage] = field(default_factory=dict, repr=False)
    """A view's polar maps as a 2 x 2 grid of equal square tiles, shape (580, 580, 3)."""
    panels: Mapping[View, tuple[str, ...]] = field(default_factory=dict)
    """The names of a crop's tiles in reading order; a view without names is shown without captions."""
    maps: Mapping[View, Maps] = field(default_factory=dict, repr=False)
    """Where the polar maps lie on a crop; nothing where it was kept without."""
    notes: tuple[str, ...] = ()
    """Further sentences without identifiers, for instance which view is missing."""
    replaces: int | None = None
    """The earlier revision whose result a PACS still shows."""
    show_patient: bool = True
    """Whether the page shows whom it is about; else nothing of ``header`` is in its pixels."""

    def __post_init__(self) -> None:
        if self.created_at.utcoffset() is None:
            raise ValueError("a report's created_at needs a UTC offset")
        if self.has_result and (self.prediction is None or self.prediction.status is Status.REFUSED):
            raise ValueError(f"the outcome {self.outcome.value} needs a prediction that was not refused")
        if self.revision < 1:
            raise ValueError("revisions are counted from 1")
        if self.replaces is not None and not 1 <= self.replaces < self.revision:
            raise ValueError("a revision replaces an earlier one")
        for view, crop in self.crops.items():
            if crop.ndim != 3 or crop.shape[0] != crop.shape[1] or crop.shape[2] != 3 or crop.shape[0] % 2:
                raise ValueError(f"the crop of {view.value} is not a square RGB grid of 2 x 2 tiles")

    @property
    def withdraws(self) -> bool:
        """Whether this page takes an earlier result back without a new one."""
        return self.replaces is not None and not self.has_result

    @property
    def title(self) -> str:
        """What the series of such a report is called: ASCII, at most 64 characters (PS3.5 6.2, LO)."""
        what = "result withdrawn" if self.withdraws else "result"
        return f"Perfuscope MPI {what}, revision {self.revision}, unverified"

    @property
    def has_result(self) -> bool:
        """Whether a label may be shown at all."""
        return self.outcome in _WITH_RESULT
