"""What a network says of a patient before anything is made of it, whatever kind of network it is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import View

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SeenView:
    """Of one view: logits (3,), class activation maps (rows, columns, 3), and pooled features for novelty (c,)."""

    logits: Floats
    activation: Floats
    features: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Of a study: its calibrated logits (3,), and its views in the order of REQUIRED_VIEWS."""

    logits: Floats
    views: tuple[SeenView, ...]


class Network(Protocol):
    """One loaded network. Arrays are those of ``models.crop``: pixels (3, 224, 224, 3), maps (10, 32, 72)."""

    @property
    def reads_maps(self) -> bool:
        """Whether it needs the polar maps; without, they may be None."""

    def study(self, pixels: NDArray[np.uint8], maps: Floats | None) -> Seen:
        """What it says of a patient with all views."""

    def view(self, view: View, pixels: NDArray[np.uint8], maps: Floats | None) -> SeenView:
        """What it says of one view; of the arrays only that view's part counts."""
