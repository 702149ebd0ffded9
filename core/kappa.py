"""Agreement of two who label the same studies, beyond what chance alone would make them agree."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.proportion import Share
from core.types import LABELS, Label

FEWEST = 20
"""Of fewer studies the expected agreement is a guess, so no kappa is told."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa (Educ Psychol Meas 1960) of two who labelled the same studies."""

    agreed: Share
    expected: float
    """The share that they would agree on if each kept to their own frequencies and drew lots; from 0 to 1."""

    @classmethod
    def of(cls, counts: Mapping[tuple[Label, Label], int]) -> "Kappa":
        """From how often the first said the one and the second the other."""
        n = sum(counts.values())
        first = {label: sum(k for (one, _), k in counts.items() if one is label) for label in LABELS}
        second = {label: sum(k for (_, other), k in counts.items() if other is label) for label in LABELS}
        same = sum(k for (one, other), k in counts.items() if one is other)
        return cls(Share(same, n), sum(first[label] * second[label] for label in LABELS) / (n * n) if n else 1.0)

    @property
    def value(self) -> float | None:
        """1 for two who always agree, 0 for chance; None for too few studies, and where both said one label only."""
        return self._beyond_chance(self.agreed.value) if self.agreed.n >= FEWEST else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval: Cohen's, with the Wilson interval of the agreement, so that no certainty is told of 1."""
        low, high = (self._beyond_chance(bound) for bound in self.agreed.interval)
        return None if self.value is None or low is None or high is None else (max(-1.0, low), high)

    def _beyond_chance(self, agreed: float | None) -> float | None:
        if agreed is None or self.expected >= 1:
            return None
        return (agreed - self.expected) / (1 - self.expected)
