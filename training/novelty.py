"""Fits what is usual of a model's inputs: ``models.novelty`` from the features of training and validation patients."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS
from models import novelty
from models.card import NoveltyLimits
from models.figures import Proportion
from models.network import Network
from models.novelty import Detector, Space, ViewDetector

Floats = NDArray[np.float32]

QUANTILE = 0.995
"""Of patients, this share is to be taken for usual: 1 % may be refused, and no limit is that exact."""
_NETWORK, _THUMBNAIL = 24, 24
"""Principal components kept of each block of numbers."""
_REFERENCE = 400
"""Training patients kept as neighbours."""
_LEAST_SPREAD = 0.008
"""Of a thumbnail's pixel, of 1: two grey levels."""
_LEAST = 15
"""With fewer training or validation patients nothing can be said of what is usual."""
_CONFIDENCE = 0.95
"""Of the limits: so sure is it that QUANTILE of further patients pass, however few have been seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What novelty looks at, of n patients: pooled features (n, 3, c) and thumbnails (n, 3, t)."""

    features: Floats
    thumbnails: Floats

    def take(self, index: slice | NDArray[np.intp]) -> "Looked":
        """The patients at ``index``."""
        return Looked(self.features[index], self.thumbnails[index])


def look(network: Network, pixels: NDArray[np.uint8], maps: Floats | None) -> Looked:
    """The features and thumbnails of n patients: pixels (n, 3, 224, 224, 3), and the maps if the network reads them."""
    features = [
        [view.features for view in network.study(of_patient, None if maps is None else maps[row]).views]
        for row, of_patient in enumerate(pixels)
    ]
    thumbs = novelty.thumbnails(pixels.reshape(-1, *pixels.shape[2:]))
    return Looked(np.array(features, dtype=np.float32), thumbs.reshape(len(pixels), len(REQUIRED_VIEWS), -1))


def fit(train: Looked, validation: Looked) -> Detector:
    """The detector whose limits let 99.5 % of patients pass, surely; PerfuscopeError with too few to tell."""
    if min(len(train.features), len(validation.features)) < _LEAST:
        raise PerfuscopeError(f"What is usual needs {_LEAST} training and {_LEAST} validation patients.")
    views = {
        view: _fit_view(
            (train.features[:, place], train.thumbnails[:, place]),
            (validation.features[:, place], validation.thumbnails[:, place]),
        )
        for place, view in enumerate(REQUIRED_VIEWS)
    }
    return Detector(views, _limit(study_scores(views.values(), validation)))


def limits_of(detector: Detector, *, validation_patients: int) -> NoveltyLimits:
    """What a card says of the detector, before it was tried on held-out patients."""
    return NoveltyLimits(
        quantile=QUANTILE,
        validation_patients=validation_patients,
        study=detector.study_limit,
        views={view: _three(of_view.limits) for view, of_view in detector.views.items()},
    )


def _three(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def refused(detector: Detector, held_out: Looked) -> Proportion:
    """How many patients that took no part are refused; at most 1 % of those like the training's should be."""
    scores = study_scores(detector.views.values(), held_out)
    return Proportion.of(int((scores > detector.study_limit).sum()), len(scores))


def study_scores(views: Iterable[ViewDetector], data: Looked) -> Floats:
    """The greatest of the views' scores in their limits, shape (n,)."""
    scores = [
        detector.score(data.features[:, place], data.thumbnails[:, place]) / detector.limits[2]
        for place, detector in enumerate(views)
    ]
    return np.asarray(np.max(scores, axis=0), dtype=np.float32)


def _fit_view(train: tuple[Floats, Floats], validation: tuple[Floats, Floats]) -> ViewDetector:
    from sklearn.covariance import LedoitWolf  # noqa: PLC0415 - of the training extra

    network = _space(train[0], _NETWORK, floor=0.2 * float(train[0].std(axis=0).mean()))
    thumbnail = _space(train[1], _THUMBNAIL, floor=_LEAST_SPREAD)
    reduced = np.concatenate([network.reduce(train[0]), thumbnail.reduce(train[1])], axis=1)
    centre, spread = reduced.mean(axis=0), np.maximum(reduced.std(axis=0), 1e-6)
    precision = LedoitWolf(assume_centered=True).fit((reduced - centre) / spread).precision_
    whitening = (np.linalg.cholesky(precision) / spread[:, np.newaxis]).astype(np.float32)
    reference = ((reduced - centre) @ whitening)[:: max(1, len(reduced) // _REFERENCE)].astype(np.float32)
    found = ViewDetector(network, thumbnail, centre, whitening, reference, np.ones(3, dtype=np.float32))
    distances = found.distances(*validation)
    first = [_limit(distances[:, k]) for k in range(2)]
    both = _limit(np.max(distances / np.array(first, dtype=np.float32), axis=1))
    limits = np.array([*first, both], dtype=np.float32)
    return ViewDetector(network, thumbnail, centre, whitening, reference, limits)


def _space(values: Floats, components: int, *, floor: float) -> Space:
    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), max(floor, 1e-6))
    _, _, axes = np.linalg.svd((values - mean) / spread, full_matrices=False)
    kept = min(components, len(values) // 4)
    rounded = axes[:kept].T.astype(np.float16).astype(np.float32)  # as the file keeps them
    return Space(mean.astype(np.float32), rounded, spread.astype(np.float32))


def _limit(scores: NDArray[np.floating]) -> float:
    """The upper tolerance limit of QUANTILE, for distances are nearly log-normal; not below what was counted.

    The factor is that of a one-sided tolerance interval (Natrella, Experimental Statistics, NBS Handbook 91, 1963).
    """
    from scipy.stats import nct, norm  # noqa: PLC0415 - of the training extra

    n = len(scores)
    factor = nct.ppf(_CONFIDENCE, n - 1, norm.ppf(QUANTILE) * np.sqrt(n)) / np.sqrt(n)
    logs = np.log(np.maximum(scores, 1e-9))
    return max(float(np.quantile(scores, QUANTILE)), float(np.exp(logs.mean() + factor * logs.std(ddof=1))))
