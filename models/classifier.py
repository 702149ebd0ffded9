"""Inference by LiteRT: from the crops of a study to its prediction. Loads no TensorFlow."""

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError, Rejected
from core.types import (
    REQUIRED_VIEWS,
    ModelIdentity,
    Novelty,
    Probabilities,
    Reason,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from models import networks
from models.artifact import Artifact
from models.card import Card
from models.crop import CropInput, maps_of, pixels_of
from models.network import SeenView
from models.views_litert import ViewsNetwork

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Classifier:
    """A loaded model of either kind; belongs to one thread of one process (make it after a fork)."""

    def __init__(self, artifact: Artifact, *, threads: int = 1) -> None:
        self._artifact = artifact
        self._network = networks.load(artifact, threads=threads)

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is."""
        return self._artifact.identity

    @property
    def card(self) -> Card:
        """The artifact's card."""
        return self._artifact.card

    def predict(self, crops: Mapping[View, CropInput]) -> StudyPrediction:
        """The prediction of a study from the crop of each required view.

        Rejected: INCOMPLETE if one is missing, MAPS_MISSING where the model reads polar maps and a crop has none.
        """
        missing = [view.value for view in REQUIRED_VIEWS if view not in crops]
        if missing:
            raise Rejected(Reason.INCOMPLETE, f"without {', '.join(missing)}")
        started = time.perf_counter()
        return self._judge(pixels_of(crops), self._maps(crops), started)

    def judge(self, pixels: Pixels, maps: Floats | None) -> StudyPrediction:
        """The same from a data set's arrays: crops resized (3, 224, 224, 3), and polar maps (10, 32, 72)."""
        return self._judge(pixels, maps, time.perf_counter())

    def view(self, view: View, crop: CropInput) -> ViewPrediction:
        """What the model says of one view's crop, with its class activation maps. Rejected: MAPS_MISSING."""
        pixels = pixels_of({view: crop})
        seen = self._network.view(view, pixels, self._maps({view: crop}))
        return self._view(view, seen, pixels)

    def run(self, tensor: Floats) -> tuple[Floats, Floats]:
        """Logits (3,) and last feature map of one tensor (224, 224, 3), of a model that reads one image at a time."""
        if not isinstance(self._network, ViewsNetwork):
            raise PerfuscopeError(f"{self.card.name} reads whole studies, not single images.")
        return self._network.run(tensor)

    def warm(self) -> None:
        """Judge nothing, so that the first study does not wait for memory and threads."""
        self._judge(pixels_of({}), maps_of({}), time.perf_counter())

    def _maps(self, crops: Mapping[View, CropInput]) -> Floats | None:
        return maps_of(crops) if self._network.reads_maps else None

    def _judge(self, pixels: Pixels, maps: Floats | None, started: float) -> StudyPrediction:
        seen = self._network.study(pixels, maps)
        pairs = zip(REQUIRED_VIEWS, seen.views, strict=True)
        views = {view: self._view(view, said, pixels) for view, said in pairs}
        probabilities = Probabilities.of(softmax(seen.logits))
        novelty = self._novelty_of(views)
        refused = novelty is not None and novelty.refused
        return StudyPrediction(
            probabilities=probabilities,
            status=Status.REFUSED if refused else status_of(probabilities, self.card),
            views=views,
            latency_ms=(time.perf_counter() - started) * 1000,
            novelty=novelty,
        )

    def _view(self, view: View, seen: SeenView, pixels: Pixels) -> ViewPrediction:
        detector = self._artifact.novelty
        return ViewPrediction(
            view=view,
            probabilities=Probabilities.of(view_probabilities(seen.logits, self.card)),
            logits=(float(seen.logits[0]), float(seen.logits[1]), float(seen.logits[2])),
            activation=seen.activation,
            novelty=detector.of_view(view, seen.features, pixels[REQUIRED_VIEWS.index(view)]) if detector else None,
        )

    def _novelty_of(self, views: Mapping[View, ViewPrediction]) -> Novelty | None:
        detector = self._artifact.novelty
        found = [said.novelty for said in views.values() if said.novelty is not None]
        return detector.of_study(found) if detector else None


def view_probabilities(logits: Floats, card: Card) -> NDArray[np.float64]:
    """Calibrated probabilities of views: logits (..., 3) to probabilities (..., 3)."""
    return softmax(logits / card.calibration.view_temperature)


def study_probabilities(logits: Floats) -> NDArray[np.float64]:
    """Of studies of kind "views", softmax of the mean of their views' logits: (..., views, 3) to (..., 3)."""
    return softmax(logits.mean(axis=-2))


def status_of(probabilities: Probabilities, card: Card) -> Status:
    """Accepted, or to be reviewed when no class is probable enough."""
    enough = probabilities[probabilities.label] >= card.review_below
    return Status.ACCEPTED if enough else Status.NEEDS_REVIEW


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The softmax over the last axis, in double precision."""
    raised = np.exp(np.asarray(logits, dtype=np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
