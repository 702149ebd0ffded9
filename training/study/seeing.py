"""What the network makes of patients' maps, once, for everything that is fitted above it. Needs TensorFlow."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import study_features, study_input
from models.study_input import NormalLimits

Floats = NDArray[np.float32]

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Of n patients: pooled feature maps (n, 3 views, channels) and quantitative features (n, F)."""

    pooled: Floats
    features: Floats

    def take(self, index: NDArray[np.intp]) -> "Seen":
        """The patients at ``index``, in that order."""
        return Seen(self.pooled[index], self.features[index])


def inputs(maps: Floats, limits: NormalLimits) -> dict[str, Floats]:
    """The network's inputs by name: images (n, 3, S, S, 3) and features (n, F)."""
    scores = limits.scores(maps)
    return {"images": study_input.images(scores), "features": study_features.features(scores, maps)}


def see(model: Any, maps: Floats, limits: NormalLimits) -> Seen:
    """What the feature maps come to, patient by patient."""
    pooled, features = [], []
    for start in range(0, len(maps), _BATCH):
        given = inputs(maps[start : start + _BATCH], limits)
        pooled.append(model.predict_on_batch(given)["feature_maps"].mean(axis=(2, 3)))
        features.append(given["features"])
    return Seen(np.concatenate(pooled), np.concatenate(features))
