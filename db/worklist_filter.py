"""What a list of studies is to hold and in which order: the one way to say it, for pages, API, CSV and command line."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.phi import Phi
from core.types import Label, State
from db.cursor import Cursor


class Sort(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    """By the time that a study's first object came, newest first."""
    OLDEST = "oldest"
    COMPLETED = "completed"
    """By the time that the newest revision was done, newest first; studies that are not done are left out."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which studies, all conditions together; empty ones let everything pass. Its text shows no identified value."""

    states: frozenset[State] = frozenset()
    labels: frozenset[Label] = frozenset()
    """What the model called the newest revision, accepted or to be reviewed; with ``accepted`` alone, results."""
    since: datetime | None = None
    """Then or later: received, or in a list sorted by completion, completed."""
    until: datetime | None = None
    """Before then, likewise."""
    sender: str | None = None
    """The AE title that the study came from first."""
    needs_review: bool | None = None
    """True: those that need review; False: all others."""
    undelivered: bool = False
    """Only those of which a delivery was given up."""
    text: Phi | None = None
    """The beginning of the patient's name, of the patient ID or of the accession number; case does not count."""
    patient_id: Phi | None = None
    """The whole patient ID; case does not count."""
    accession_number: Phi | None = None
    """The whole accession number; case does not count."""
    sort: Sort = Sort.NEWEST
    cursor: Cursor | None = field(default=None, repr=False)

    @classmethod
    def of(cls, *, states: Iterable[State] = (), labels: Iterable[Label] = (), **others: object) -> "Filter":
        """A filter from any collections of states and labels."""
        return cls(states=frozenset(states), labels=frozenset(labels), **others)  # type: ignore[arg-type] # as named

    @property
    def wanted_states(self) -> frozenset[State]:
        """The states that pass, ``needs_review`` taken into account; every one where nothing is asked of them."""
        states = self.states or frozenset(State)
        if self.needs_review is None:
            return states
        review = frozenset({State.NEEDS_REVIEW})
        return states & review if self.needs_review else states - review

    @property
    def searches(self) -> bool:
        """Whether an identified value is searched for."""
        return any(value is not None for value in (self.text, self.patient_id, self.accession_number))

    @property
    def summary(self) -> str:
        """What is asked for, for the audit trail: codes and times; of a search only what is searched in."""
        said = [
            *sorted(self.states),
            *sorted(self.labels),
            *(
                f"{name}={value:%Y-%m-%dT%H:%MZ}"
                for name, value in (("since", self.since), ("until", self.until))
                if value
            ),
            *([f"needs_review={self.needs_review}"] if self.needs_review is not None else []),
            *(["sender"] if self.sender is not None else []),  # whatever was typed there stays out
            *(["undelivered"] if self.undelivered else []),
            *(f"search={n}" for n in ("text", "patient_id", "accession_number") if getattr(self, n) is not None),
            *([self.sort.value] if self.sort is not Sort.NEWEST else []),
            *(["continued"] if self.cursor else []),
        ]
        return " ".join(said) or "all"
