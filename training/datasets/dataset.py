"""Labelled patients in memory, and how they are split by label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import LABELS, Label, View
from models.figures import Source
from models.polar import ANGLES, RINGS

MAPS: tuple[tuple[View, str], ...] = (
    (View.QPS, "stress"),
    (View.QPS, "rest"),
    *(
        (view, panel)
        for view in (View.STRESS_QGS, View.REST_QGS)
        for panel in ("perfusion_ed", "perfusion_es", "motion", "thickening")
    ),
)
"""The polar maps of a patient in the order of ``Dataset.maps``: the view and the panel of each."""

Subset = Literal["train", "validation", "test"]
SUBSETS: tuple[Subset, ...] = ("train", "validation", "test")

Fact = str | float


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled patients with all three views, in the order of the manifest or of ``truth.csv``."""

    patients: tuple[str, ...]
    labels: NDArray[np.intp]
    """Index into LABELS, shape (n,)."""
    pixels: NDArray[np.uint8]
    """Resized crops, shape (n, 3, 224, 224, 3): the views are in the order of REQUIRED_VIEWS."""
    tpd: NDArray[np.float64] | None
    """Total perfusion deficit at stress and at rest in percent, shape (n, 2); None unless all have it."""
    left_out: Mapping[str, str]
    """Patients that are not among them, and why."""
    truth_sha256: str
    """Tells two data sets apart: the SHA-256 of the manifest or of truth.csv."""
    source: Source
    """Simulated only if the data set says so of every patient."""
    layouts: Mapping[str, int] = field(default_factory=dict)
    """Name and version of the screen layouts that the crops come from."""
    maps: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    """Polar maps, shape (n, 10, 32, 72), 0 to 1 of the colour scale, in the order of MAPS; NaN where there is none."""
    subset: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype="<U10"))
    """Shape (n,): "train", "validation", "test", or "" where no split was made."""
    facts: tuple[Mapping[str, Fact], ...] = ()
    """What else is known of each patient: sex, age_years, tpd_stress and so on."""
    provenance: tuple[str, ...] = ()
    """Where each patient comes from: "original", "synthetic: NAME" or "synthesized: ..."."""

    def __post_init__(self) -> None:
        """What was not given is what nothing is known of."""
        n = len(self.patients)
        unknown = {
            "maps": np.full((n, len(MAPS), RINGS, ANGLES), np.nan, dtype=np.float32),
            "subset": np.full(n, "", dtype="<U10"),
            "facts": ({},) * n,
            "provenance": ("original",) * n,
        }
        for name, value in unknown.items():
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, value)

    def take(self, index: NDArray[np.intp]) -> "Dataset":
        """The patients at ``index``, in that order."""
        facts = tuple(self.facts[i] for i in index)
        return replace(
            self,
            patients=tuple(self.patients[i] for i in index),
            labels=self.labels[index],
            pixels=self.pixels[index],
            tpd=tpd_of(facts) if self.tpd is None else self.tpd[index],
            maps=self.maps[index],
            subset=self.subset[index],
            facts=facts,
            provenance=tuple(self.provenance[i] for i in index),
        )

    def part(self, subset: Subset) -> "Dataset":
        """The patients of one subset."""
        return self.take(np.flatnonzero(self.subset == subset))

    def original(self) -> "Dataset":
        """The patients of whom nothing was made: those whom a figure may count."""
        return self.take(np.flatnonzero(np.array(self.provenance) == "original"))

    def unseen(self) -> "Dataset":
        """Those that nothing learned from: the test part of a data set that is split, else all; nothing made."""
        tested = self if (self.subset == "").all() else self.part("test")
        return tested.original()

    def counts(self) -> dict[Label, int]:
        """Patients of each label."""
        return {label: int((self.labels == i).sum()) for i, label in enumerate(LABELS)}


def tpd_of(facts: Sequence[Mapping[str, Fact]]) -> NDArray[np.float64] | None:
    """Total perfusion deficits at stress and at rest, shape (n, 2); None unless every patient has both."""
    found = [(one.get("tpd_stress"), one.get("tpd_rest")) for one in facts]
    known = [pair for pair in found if all(isinstance(value, float) for value in pair)]
    return np.array(known, dtype=np.float64) if known and len(known) == len(found) else None


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Positions of the patients that train, validate and test."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split(labels: NDArray[np.intp], *, train: float, validation: float, test: float, seed: int) -> Split:
    """Split patients by label: each part gets its share of every label, at least one unless the share is 0."""
    rng = np.random.default_rng(seed)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for index, label in enumerate(LABELS):
        members = rng.permutation(np.flatnonzero(labels == index))
        wanted = [max(1, round(share * len(members))) if share else 0 for share in (validation, test)]
        rest = len(members) - sum(wanted)
        if rest < (1 if train else 0):
            raise PerfuscopeError(f"{len(members)} patients with {label.value} are too few to split.")
        bounds = np.cumsum([rest, *wanted])
        for part, chosen in zip(parts, np.split(members, bounds[:-1]), strict=True):
            part.extend(int(i) for i in chosen)
    ordered = [np.array(sorted(part), dtype=np.intp) for part in parts]
    return Split(*ordered)
