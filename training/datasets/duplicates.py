"""Near-duplicates: the same picture under another name, whether encoded again or lightly brightened."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, View
from training.datasets.manifest import Patient

_SIDE = 32
_STEP = 4
"""Grey levels between neighbours from which on one counts as brighter: the noise of JPEG stays below."""

SAME = 0.3
"""Two crops whose hashes are at most so far apart (Jaccard distance) are taken for the same; measured in ADR 0035."""


def perceptual_hash(pixels: RgbImage) -> str:
    """Which neighbours grow clearly brighter to the right and downwards on a picture of 33 x 33: 2048 bits in hex."""
    grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    small = np.asarray(grey.resize((_SIDE + 1, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    right = small[:-1, 1:] - small[:-1, :-1] >= _STEP
    down = small[1:, :-1] - small[:-1, :-1] >= _STEP
    return np.packbits(np.stack([right, down])).tobytes().hex()


def distances(one: str, others: Sequence[str]) -> NDArray[np.float64]:
    """The Jaccard distance of a hash to each of the others: 0 the same, 1 nothing in common."""
    return _apart(_words([one])[0], _words(others)) if others else np.empty(0)


def pairs(patients: Sequence[Patient]) -> Iterator[tuple[int, int, View]]:
    """Positions of two patients, the first one lower, and the view in which they show the same; all must have crops."""
    for view in REQUIRED_VIEWS:
        hashes = [crop.hash for patient in patients if (crop := patient.views[view].crop) is not None]
        if len(hashes) != len(patients):
            raise ValueError("a patient without crops")
        words = _words(hashes) if hashes else np.empty((0, 1), dtype=np.uint64)
        for k in range(len(words) - 1):
            for other in np.flatnonzero(_apart(words[k], words[k + 1 :]) <= SAME):
                yield k, k + 1 + int(other), view


def _words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    return np.stack([np.frombuffer(bytes.fromhex(one), dtype=np.uint64) for one in hashes])


def _apart(one: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.float64]:
    both = np.bitwise_count(others & one).sum(axis=1, dtype=np.int64)
    either = np.bitwise_count(others | one).sum(axis=1, dtype=np.int64)
    return np.asarray(1 - np.where(either > 0, both / np.maximum(either, 1), 1.0), dtype=np.float64)
