"""A network in a Keras file as a classifier, for a look at it before it is exported. Needs TensorFlow."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS, Probabilities, Status, StudyPrediction, View, ViewPrediction
from models import mobilenet
from models.chatter import load_tensorflow, quiet_stderr
from models.classifier import softmax, study_probabilities
from models.crop import CropInput
from models.preprocess import to_tensor


class KerasClassifier:
    """What ``models.classifier.Classifier`` is for an artifact; without a card, so without calibration and limits.

    PerfuscopeError says if there is no TensorFlow, or if the file holds something else than ``models.mobilenet``
    builds: how another network wants its pixels cannot be known, so nothing is guessed.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PerfuscopeError(f"{path.name} is not a file.")
        if find_spec("tensorflow") is None:
            raise PerfuscopeError(
                f'{path.name} is a Keras file and needs TensorFlow: pip install "perfuscope[training]"; '
                "or choose a model artifact's folder."
            )
        model = _load(path)
        try:
            self._network = mobilenet.logits_and_features(model)
            self._head = mobilenet.head(model)
        except (AttributeError, IndexError, ValueError):
            raise PerfuscopeError(f"{path.name} holds another network than Perfuscope's MobileNet.") from None

    def predict(self, crops: Mapping[View, CropInput]) -> StudyPrediction:
        """The prediction of a study from the crop of each required view; accepted, for no limit is known."""
        views = {view: self.view(view, crops[view]) for view in REQUIRED_VIEWS}
        logits = np.array([said.logits for said in views.values()], dtype=np.float32)
        return StudyPrediction(Probabilities.of(study_probabilities(logits)), Status.ACCEPTED, views, latency_ms=0)

    def view(self, view: View, crop: CropInput) -> ViewPrediction:
        """What the network says of one view's crop, with its class activation maps."""
        outputs = self._network(to_tensor(crop.pixels)[np.newaxis], training=False)
        logits, features = (np.asarray(output[0], dtype=np.float32) for output in outputs)
        return ViewPrediction(
            view=view,
            probabilities=Probabilities.of(softmax(logits)),
            logits=(float(logits[0]), float(logits[1]), float(logits[2])),
            activation=self._head.activation(features),
        )


def _load(path: Path) -> Any:
    load_tensorflow()
    with quiet_stderr():
        import keras  # noqa: PLC0415 - importing this module must not load TensorFlow

        try:
            return keras.models.load_model(path, compile=False, safe_mode=True)
        except (OSError, ValueError, TypeError, KeyError):
            raise PerfuscopeError(f"{path.name} does not hold a Keras model.") from None
