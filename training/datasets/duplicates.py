"""Near-duplicates: the same picture under another name, whether encoded again or lightly brightened."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.types import REQUIRED_VIEWS, RgbImage, View
from training.datasets.manifest import Patient

_SIDE = 32
_STEP = 4
"""Grey levels between neighbours from which on one counts as brighter: the noise of JPEG stays below."""


def perceptual_hash(pixels: RgbImage) -> str:
    """Which neighbours grow clearly brighter to the right and downwards on a picture of 33 x 33: 2048 bits in hex."""
    grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    small = np.asarray(grey.resize((_SIDE + 1, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    right = small[:-1, 1:] - small[:-1, :-1] >= _STEP
    down = small[1:, :-1] - small[:-1, :-1] >= _STEP
    return np.packbits(np.stack([right, down])).tobytes().hex()


SAME = 0.2
"""Two crops whose brighter neighbours differ by at most this share (Jaccard distance) are taken for the same."""


def distances(hashes: Sequence[str]) -> NDArray[np.float32]:
    """The Jaccard distance of every pair of hashes, shape (n, n), 0 the same and 1 nothing in common."""
    packed = np.stack([np.frombuffer(bytes.fromhex(one), dtype=np.uint64) for one in hashes])
    counts = np.bitwise_count(packed).sum(axis=1, dtype=np.int32)
    found = np.empty((len(packed), len(packed)), dtype=np.float32)
    for row, one in enumerate(packed):
        both = np.bitwise_count(packed & one).sum(axis=1, dtype=np.int32)
        either = counts + counts[row] - both
        found[row] = 1 - np.where(either > 0, both / np.maximum(either, 1), 1.0)
    return found


def pairs(patients: Sequence[Patient]) -> Iterator[tuple[int, int, View]]:
    """Positions of two patients and the view in which they show the same; all of them must have crops."""
    for view in REQUIRED_VIEWS:
        hashes = [crop.hash for patient in patients if (crop := patient.views[view].crop) is not None]
        if len(hashes) != len(patients):
            raise ValueError("a patient without crops")
        if not hashes:
            return
        near = np.triu(distances(hashes) <= SAME, k=1)
        for one, other in np.argwhere(near):
            yield int(one), int(other), view
