"""What the window shows, as values: nothing here knows a window."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.maps import Circle
from core.pixels import RgbImage
from core.types import Label, Probabilities


class Tone(StrEnum):
    """How an answer is meant; the design gives each a colour."""

    NORMAL = "normal"
    ISCHEMIA = "ischemia"
    INFARCTION = "infarction"
    REVIEW = "review"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ModelShown:
    """Which model answers."""

    name: str
    version: str
    sha256: str
    statement: str
    """What it was trained on."""
    review_below: float | None
    """An answer less probable than this is to be reviewed; None: nothing is known."""
    explains_maps: bool = False
    """Whether its activation maps explain one polar map each, not a whole crop."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What was kept of a screen, and the small class activation maps of shape (rows, columns, 3), one a label."""

    caption: str
    crop: RgbImage = field(repr=False)
    activation: NDArray[np.float32] = field(repr=False)
    circles: Mapping[str, Circle] | None = field(default=None, repr=False)
    """The polar maps that each activation map explains; None: it explains the whole crop."""
    names: tuple[str, ...] = ()
    """What the crop's four polar maps are called, in reading order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list and what is shown when it is chosen."""

    title: str
    subtitle: str
    headline: str
    tone: Tone
    detail: str
    """What the headline leaves out, in a sentence."""
    probabilities: Probabilities | None = None
    panels: tuple[Panel, ...] = ()

    @property
    def label(self) -> Label:
        """The label whose map is laid over at first: the most probable one."""
        return self.probabilities.label if self.probabilities else Label.NORMAL


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything the window shows at one time."""

    model: ModelShown | None = None
    busy: str = ""
    """What is being done; empty: nothing."""
    notice: str = ""
    """A sentence that is not an answer: what is missing, or what went wrong."""
    entries: tuple[Entry, ...] = ()
    chosen: int = 0
    label: Label = Label.NORMAL
    """Whose class activation map is laid over the picture."""
    opacity: float = 0.6

    @property
    def entry(self) -> Entry | None:
        """The chosen entry."""
        return self.entries[self.chosen] if self.entries else None
