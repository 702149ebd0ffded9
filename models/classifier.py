"""Inference by LiteRT: from the crops of a study to its prediction. Loads no TensorFlow."""

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError, Rejected
from core.types import (
    LABELS,
    REQUIRED_VIEWS,
    ModelIdentity,
    Probabilities,
    Reason,
    RgbImage,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from models.artifact import Artifact
from models.card import Card
from models.chatter import quiet_stderr
from models.preprocess import SIZE, to_tensor

Floats = NDArray[np.float32]


class Classifier:
    """A loaded model; belongs to one thread of one process (make it after a fork)."""

    def __init__(self, artifact: Artifact, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - native code: only where it is used

        self._artifact = artifact
        with quiet_stderr():
            try:
                self._interpreter = Interpreter(model_path=str(artifact.model_path), num_threads=threads)
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise PerfuscopeError(f"LiteRT cannot load the model of {artifact.card.name}.") from error
        self._input = self._index(self._interpreter.get_input_details(), (1, SIZE, SIZE, 3))
        self._logits = self._index(self._interpreter.get_output_details(), (1, len(LABELS)))
        self._features = self._index(self._interpreter.get_output_details(), (1, 7, 7, 1024))

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is."""
        return self._artifact.identity

    @property
    def card(self) -> Card:
        """The artifact's card."""
        return self._artifact.card

    def predict(self, crops: Mapping[View, RgbImage]) -> StudyPrediction:
        """The prediction of a study from the crop of each required view; Rejected(INCOMPLETE) if one is missing."""
        missing = [view.value for view in REQUIRED_VIEWS if view not in crops]
        if missing:
            raise Rejected(Reason.INCOMPLETE, f"without {', '.join(missing)}")
        started = time.perf_counter()
        views = {view: self.view(view, crops[view]) for view in REQUIRED_VIEWS}
        logits = np.array([prediction.logits for prediction in views.values()], dtype=np.float32)
        probabilities = Probabilities.of(study_probabilities(logits))
        return StudyPrediction(
            probabilities=probabilities,
            status=status_of(probabilities, self.card),
            views=views,
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def view(self, view: View, crop: RgbImage) -> ViewPrediction:
        """What the model says of one view's crop, with its class activation maps."""
        logits, features = self.run(to_tensor(crop))
        return ViewPrediction(
            view=view,
            probabilities=Probabilities.of(view_probabilities(logits, self.card)),
            logits=(float(logits[0]), float(logits[1]), float(logits[2])),
            activation=self._artifact.head.activation(features),
        )

    def run(self, tensor: Floats) -> tuple[Floats, Floats]:
        """Logits (3,) and last feature map (7, 7, 1024) of one tensor (224, 224, 3)."""
        self._interpreter.set_tensor(self._input, tensor[np.newaxis])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._logits)[0], self._interpreter.get_tensor(self._features)[0]

    def _index(self, tensors: list[dict[str, object]], shape: tuple[int, ...]) -> object:
        for tensor in tensors:
            if tuple(np.asarray(tensor["shape"])) == shape and tensor["dtype"] is np.float32:
                return tensor["index"]
        raise PerfuscopeError(f"The model of {self.card.name} has no 32-bit float tensor of shape {shape}.")


def view_probabilities(logits: Floats, card: Card) -> NDArray[np.float64]:
    """Calibrated probabilities of views: logits (..., 3) to probabilities (..., 3)."""
    return softmax(logits / card.calibration.view_temperature)


def study_probabilities(logits: Floats) -> NDArray[np.float64]:
    """Calibrated probabilities of studies, softmax of the mean of their views' logits: (..., views, 3) to (..., 3)."""
    return softmax(logits.mean(axis=-2))


def status_of(probabilities: Probabilities, card: Card) -> Status:
    """Accepted, or to be reviewed when no class is probable enough."""
    enough = probabilities[probabilities.label] >= card.review_below
    return Status.ACCEPTED if enough else Status.NEEDS_REVIEW


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The softmax over the last axis, in double precision."""
    raised = np.exp(np.asarray(logits, dtype=np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)
