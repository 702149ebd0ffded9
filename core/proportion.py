"""Shares of a number of studies or patients, with what chance alone would do to them."""

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054
"""The normal quantile of a 95 % interval."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The Wilson 95 % interval of ``hits`` in ``n`` (Wilson, JASA 1927); all of 0..1 when n is 0."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = hits / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of n."""

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval."""
        return wilson(self.hits, self.n)

    def standard_errors_from(self, other: "Share") -> float | None:
        """How many standard errors it lies above another (pooled two-proportion z); None where one is of nothing."""
        if not self.n or not other.n:
            return None
        pooled = (self.hits + other.hits) / (self.n + other.n)
        spread = sqrt(pooled * (1 - pooled) * (1 / self.n + 1 / other.n))
        return (self.hits / self.n - other.hits / other.n) / spread if spread else 0.0
