"""How far a station's studies are from what its model's card promises: two shares, each with its n.

``unlike``: studies refused because they are unlike the model's training, against patients held out of it.
``review``: of the others, those that need review, against the patients that the threshold was chosen on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.proportion import Share
from core.types import Reason, State

BEYOND = 3.0
"""So many standard errors are hardly chance, even with some tens of stations looked at."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A share of a station's studies beside the share that the model's card names."""

    what: Literal["unlike", "review"]
    here: Share
    reference: Share

    @property
    def standard_errors(self) -> float | None:
        """How many standard errors it is above (or, negative, below) the reference; None without studies."""
        return self.here.standard_errors_from(self.reference)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether somebody should look."""
        return abs(self.standard_errors or 0.0) >= BEYOND


Cell = tuple[str, State, Reason | None, int]
"""Station, state, reason, and how many studies of the model are so."""


def drifts(card: Mapping[str, Any], cells: Iterable[Cell]) -> dict[str, tuple[Drift, ...]]:
    """By station, the drifts that the model's card has a reference for."""
    labelled: dict[str, int] = {}
    reviewed: dict[str, int] = {}
    unlike: dict[str, int] = {}
    for sender, state, reason, number in cells:
        for counted, counts in (
            (labelled, state in {State.ACCEPTED, State.NEEDS_REVIEW}),
            (reviewed, state is State.NEEDS_REVIEW),
            (unlike, reason is Reason.NOVEL),
        ):
            counted[sender] = counted.get(sender, 0) + number * counts
    novelty, review = _refused(card), _in_review(card)
    found: dict[str, tuple[Drift, ...]] = {}
    for sender, n in labelled.items():
        both = (
            Drift("unlike", Share(unlike[sender], n + unlike[sender]), novelty) if novelty else None,
            Drift("review", Share(reviewed[sender], n), review) if review else None,
        )
        found[sender] = tuple(drift for drift in both if drift is not None and drift.here.n)
    return found


def _refused(card: Mapping[str, Any]) -> Share | None:
    told = (card.get("novelty") or {}).get("refused_held_out")
    return Share(told["hits"], told["n"]) if told and told["n"] else None


def _in_review(card: Mapping[str, Any]) -> Share | None:
    told = card.get("review")
    return Share(round((1 - told["coverage"]) * told["patients"]), told["patients"]) if told else None
