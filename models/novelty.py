"""Whether something is like what a model was trained on: distances among features, NumPy only.

Of a view two things are looked at: the network's pooled features, which know what perfusion looks like, and a thumbnail
of the crop, which knows where panels lie and which colours they have. Principal components and what those leave over
make a few numbers of them; two distances are taken of these, Mahalanobis with a shrunk covariance (Ledoit and Wolf,
J Multivariate Anal 2004; Lee et al., NeurIPS 2018) and to the nearest neighbours (Sun et al., ICML 2022), each in units
of what 99 of 100 validation patients stay below. ``training.novelty`` fits them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types import REQUIRED_VIEWS, Novelty, View
from models.preprocess import SIZE

Floats = NDArray[np.float32]

THUMBNAIL = 16
"""Rows and columns of the thumbnail; each of its pixels is the mean of 14 by 14."""
NEIGHBOURS = 5
_BLOCK = SIZE // THUMBNAIL


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Where one block of numbers lives: mean (d,), spread (d,) and principal components (d, k)."""

    mean: Floats
    components: Floats
    spread: Floats
    """Standard deviations, none below a floor: what is the same in all patients tells at once when it differs."""

    def reduce(self, values: Floats) -> Floats:
        """Shape (..., d) becomes (..., k + 1): the components, and the logarithm of what they leave over."""
        centred = (values - self.mean) / self.spread
        kept = centred @ self.components
        left = np.sqrt(np.maximum((centred**2).sum(axis=-1) - (kept**2).sum(axis=-1), 1e-6))
        return np.asarray(np.concatenate([kept, np.log(left)[..., np.newaxis]], axis=-1), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ViewDetector:
    """What is usual of one view."""

    network: Space
    thumbnail: Space
    centre: Floats
    """Mean of the reduced numbers of training patients, shape (k,)."""
    whitening: Floats
    """Makes their covariance the unit matrix, shape (k, k)."""
    reference: Floats
    """Whitened numbers of training patients, shape (m, k)."""
    limits: Floats
    """Of the Mahalanobis distance, of that to the neighbours, and of the greater of both in these units; shape (3,)."""

    def score(self, features: Floats, thumbnails: Floats) -> Floats:
        """The greater of both distances in their own limits: (n, c) and (n, t) become (n,)."""
        return np.asarray(np.max(self.distances(features, thumbnails) / self.limits[:2], axis=1), dtype=np.float32)

    def distances(self, features: Floats, thumbnails: Floats) -> Floats:
        """Mahalanobis distance and the mean distance to the nearest neighbours, shape (n, 2)."""
        white = self.whiten(features, thumbnails)
        return np.stack([np.linalg.norm(white, axis=1), to_neighbours(white, self.reference)], axis=1)

    def whiten(self, features: Floats, thumbnails: Floats) -> Floats:
        """The reduced numbers in units of their own spread, shape (n, k)."""
        reduced = np.concatenate([self.network.reduce(features), self.thumbnail.reduce(thumbnails)], axis=1)
        return np.asarray((reduced - self.centre) @ self.whitening, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """What is usual of a patient's views, and how far a patient may be off."""

    views: Mapping[View, ViewDetector]
    study_limit: float
    """Of the greatest of the views' scores, each in its own limit."""

    def of_view(self, view: View, features: Floats, pixels: NDArray[np.uint8]) -> Novelty:
        """How unlike one view is: pooled features (c,) and the resized crop (224, 224, 3)."""
        detector = self.views[view]
        score = detector.score(features[np.newaxis], thumbnails(pixels[np.newaxis]))
        return Novelty(float(score[0]), float(detector.limits[2]))

    def of_study(self, views: Sequence[Novelty]) -> Novelty:
        """How unlike a study is, from its views'."""
        return Novelty(max(view.ratio for view in views), self.study_limit)


def thumbnails(pixels: NDArray[np.uint8]) -> Floats:
    """Resized crops (n, 224, 224, 3) as (n, 16 * 16 * 3), each from 0 to 1."""
    blocks = pixels.reshape(len(pixels), THUMBNAIL, _BLOCK, THUMBNAIL, _BLOCK, 3)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(len(pixels), -1) / 255, dtype=np.float32)


def to_neighbours(points: Floats, reference: Floats) -> Floats:
    """The mean distance of each point to its nearest neighbours among the reference, shape (n,)."""
    squares = (points**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1)[None] - 2 * points @ reference.T
    k = min(NEIGHBOURS, squares.shape[1])
    nearest = np.partition(np.maximum(squares, 0), k - 1, axis=1)[:, :k]
    return np.asarray(np.sqrt(nearest).mean(axis=1), dtype=np.float32)


def save(detector: Detector, path: Path) -> None:
    """Write the detector as ``.npz``; the same detector gives the same bytes."""
    arrays: dict[str, NDArray[np.floating]] = {"study_limit": np.array([detector.study_limit], dtype=np.float32)}
    for view, of_view in detector.views.items():
        for space in ("network", "thumbnail"):
            found = getattr(of_view, space)
            arrays |= {f"{view.value}.{space}.{f.name}": _kept(getattr(found, f.name)) for f in fields(Space)}
        for name in _ARRAYS:
            arrays[f"{view.value}.{name}"] = getattr(of_view, name)
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its stub takes keywords for allow_pickle


def load(path: Path) -> Detector:
    """Read what ``save`` wrote; ValueError or KeyError if the file is something else."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        arrays = {name: np.asarray(kept[name], dtype=np.float32) for name in kept.files}
    views = {view: _view_of(arrays, view) for view in REQUIRED_VIEWS}
    return Detector(views, float(arrays["study_limit"][0]))


_ARRAYS = ("centre", "whitening", "reference", "limits")


def _view_of(arrays: Mapping[str, Floats], view: View) -> ViewDetector:
    spaces = [
        Space(**{f.name: arrays[f"{view.value}.{space}.{f.name}"] for f in fields(Space)})
        for space in ("network", "thumbnail")
    ]
    return ViewDetector(spaces[0], spaces[1], *(arrays[f"{view.value}.{name}"] for name in _ARRAYS))


def _kept(values: Floats) -> NDArray[np.floating]:
    """Components lose nothing that matters in 16 bits, and are most of the file."""
    return values.astype(np.float16) if values.ndim == 2 else values
