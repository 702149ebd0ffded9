"""Whether LiteRT and Keras are the same classifier."""

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from models.card import Parity

TOLERANCE = 1e-4
"""Largest difference of a probability between Keras and LiteRT that is let pass."""


def checked(theirs: NDArray[np.floating], ours: NDArray[np.floating], *, crops: int) -> Parity:
    """How far Keras' probabilities (..., 3) and LiteRT's are apart; PerfuscopeError beyond the tolerance."""
    parity = Parity(
        crops=crops,
        max_abs_difference=float(f"{np.abs(theirs - ours).max():.3g}"),
        flips=int((theirs.argmax(-1) != ours.argmax(-1)).sum()),
    )
    if parity.max_abs_difference >= TOLERANCE or parity.flips:
        raise PerfuscopeError(
            f"LiteRT and Keras differ by {parity.max_abs_difference:g} with {parity.flips} other answers: not exported."
        )
    return parity
