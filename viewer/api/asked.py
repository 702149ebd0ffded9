"""What a request asks for, checked: parameters of lists, bodies of searches, spans of time.

What names a patient comes in a body, never in an address: a parameter that is not listed here is refused.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Self

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from core.phi import Phi
from core.types import Label, State
from db import search
from db.calendar_days import YEARS
from db.worklist import Cursor, Filter, Sort

PAGE, LONGEST_PAGE = 50, 500
LONGEST_SPAN = timedelta(days=366)
USUAL_SPAN = timedelta(days=30)


def _whole_day(value: Any) -> Any:
    """A day is its first moment; Pydantic alone would read a number as a moment, too."""
    if isinstance(value, str) and len(value) == 10:
        try:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        except ValueError:
            return value
    if isinstance(value, str) and value[:4].isdecimal() and len(value) > 10:
        return value
    raise ValueError("write a day as 2026-11-23 or a time as 2026-11-23T08:00:00Z")


def _in_utc(value: datetime) -> datetime:
    if value.year not in YEARS:
        msg = f"the year is to be from {YEARS[0]} to {YEARS[-1]}"
        raise ValueError(msg)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = Annotated[datetime, BeforeValidator(_whole_day), AfterValidator(_in_utc)]
"""A day or a time in ISO 8601; in UTC where it names no zone."""


def known_cursor(text: str) -> str:
    """The text, where it is a cursor; else ValueError."""
    Cursor.parse(text)
    return text


class Chosen(BaseModel):
    """Which studies; all conditions together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: list[State] = Field(default=[], max_length=8, description="Only studies in one of these states.")
    label: list[Label] = Field(
        default=[], max_length=3, description="Only studies that the model called so, also where that needs review."
    )
    since: Moment | None = Field(None, description="Received then or later (sorted by `completed`: completed).")
    until: Moment | None = Field(None, description="Received before then (likewise).")
    sender: str | None = Field(
        None,
        pattern=r"^[^\x00]+$",
        description="The AE title they came from first; the list is empty for one that nothing came from.",
    )
    needs_review: bool | None = Field(None, description="true: only those that need review; false: only others.")
    undelivered: bool = Field(default=False, description="true: only those of which a delivery was given up.")
    sort: Sort = Field(
        Sort.NEWEST, description="`newest` and `oldest` by the time received; `completed`: newest result first."
    )

    def wanted(self, **more: Any) -> Filter:
        """The filter that this is."""
        taken = {name: getattr(self, name) for name in _TAKEN}
        return Filter.of(states=self.state, labels=self.label, **taken, **more)


_TAKEN = ("since", "until", "sender", "needs_review", "undelivered", "sort")


class Listed(Chosen):
    """Which studies, and which page of them."""

    cursor: Annotated[str, AfterValidator(known_cursor)] | None = Field(
        None, max_length=80, description="`next_cursor` of the page before; the other parameters stay the same."
    )
    limit: int = Field(PAGE, ge=1, le=LONGEST_PAGE, description="At most so many.")

    def wanted(self, **more: Any) -> Filter:
        """The filter that this is, from its cursor on."""
        return super().wanted(cursor=Cursor.parse(self.cursor) if self.cursor else None, **more)


class _Sought(BaseModel):
    """What is searched for. Case and accents do not count."""

    model_config = ConfigDict(hide_input_in_errors=True)

    text: str | None = Field(
        None,
        repr=False,
        min_length=1,
        max_length=64,
        description="The beginning of a name, a patient ID or an accession number.",
    )
    patient_id: str | None = Field(None, repr=False, min_length=1, max_length=64, description="A whole patient ID.")
    accession_number: str | None = Field(
        None, repr=False, min_length=1, max_length=64, description="A whole accession number."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.sought():
            raise ValueError("name at least one of text, patient_id and accession_number")
        return self

    @field_validator("text", "patient_id", "accession_number")
    @classmethod
    def _says_something(cls, value: str | None, info: ValidationInfo) -> str | None:
        word = search.beginning if info.field_name == "text" else search.fold
        if value is not None and not word(value):
            raise ValueError(search.SAYS_NOTHING)
        return value

    def sought(self) -> dict[str, Phi]:
        """The conditions that name a patient."""
        values = {name: getattr(self, name) for name in ("text", "patient_id", "accession_number")}
        return {name: Phi(value) for name, value in values.items() if value is not None}


class Search(_Sought, Listed):
    """A search: what is searched for, which studies of those, and which page of them."""

    def __repr__(self) -> str:
        return "Search(...)"


class WholeSearch(_Sought, Chosen):
    """A search all of whose studies are wanted."""

    def __repr__(self) -> str:
        return "WholeSearch(...)"


class Span(BaseModel):
    """A span of days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Moment | None = Field(None, description="Default: 30 days before `until`.")
    until: Moment | None = Field(None, description="Default: now.")

    def times(self, *, now: datetime) -> tuple[datetime, datetime]:
        """Beginning and end; RequestValidationError for a span that is empty or longer than a year."""
        until = self.until or now
        since = self.since or until - USUAL_SPAN
        if not timedelta(0) < until - since <= LONGEST_SPAN:
            said = {
                "loc": ("query", "since"),
                "msg": "since is to be before until, by at most 366 days",
                "type": "span",
            }
            raise RequestValidationError([said])
        return since, until
