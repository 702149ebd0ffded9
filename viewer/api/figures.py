"""Statistics over the API, in JSON and CSV. They name no patient, so reading them is not written down."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Query, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from core import DISCLAIMER, csv_text
from core.kappa import FEWEST
from core.types import Label
from db import kept_days, statistics, statistics_table
from db.session import Sessions
from db.statistics_table import Subject
from viewer.api.asked import Span
from viewer.api.studies import csv_file
from viewer.api.told import Told


class Counts(Told):
    """How many studies there were, and how many became what; each is in one of the seven."""

    studies: int
    normal: int
    ischemia: int
    infarction: int
    needs_review: int
    no_result: int
    quarantined: int
    at_work: int


class Day(Counts):
    """A day by the clocks of the server's zone."""

    day: date


class Station(Counts):
    """A station: the AE title that studies came from first. `(all)` is the sum."""

    station: str
    timed: int = Field(description="Of so many results it is known how long they took.")
    median_s: float | None = Field(description="From the last object to the report being made.")
    p95_s: float | None


class ReasonCount(Told):
    """Why studies got no result, or were kept aside."""

    reason: str
    sentence: str
    studies: int


class DriftOfStation(Told):
    """A share of a station's studies beside what the active model's card promises, each with its n."""

    station: str
    figure: Literal["unlike", "review"] = Field(description="unlike the model's training; in need of review")
    hits: int
    n: int
    share: float | None
    low: float = Field(description="Wilson 95 % interval")
    high: float
    reference_hits: int
    reference_n: int
    reference_share: float | None
    standard_errors: float | None = Field(description="above the reference, or below")
    beyond_chance: bool
    model: str | None


class AgreementOfReaders(Told):
    """How often readers agree with the model, or with each other. `(all)` is every station together."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid", json_schema_mode_override="serialization")

    station: str
    with_: Literal["model", "readers"] = Field(alias="with")
    label: Label | None = Field(description="What the model said; null for all labels together.")
    agreed: int
    n: int
    share: float | None
    low: float = Field(description="Wilson 95 % interval")
    high: float


class KappaOfTwo(Told):
    """Cohen's kappa of two who labelled the same revisions, of all stations together."""

    first: str = Field(description="A reader's name.")
    second: str = Field(description="Another reader's, or `(model)`.")
    agreed: int
    n: int
    expected: float = Field(description="The share that chance alone would make them agree on.")
    kappa: float | None = Field(description=f"Null for fewer than {FEWEST} revisions, and where both know one label.")
    low: float | None = Field(description="95 % interval, from the Wilson interval of the agreement")
    high: float | None


class Statistics(Told):
    """Figures of the studies received in a span, as they stand now."""

    since: datetime
    until: datetime
    model: str | None
    days: list[Day]
    stations: list[Station]
    reasons: list[ReasonCount]
    drift: list[DriftOfStation]
    agreement: list[AgreementOfReaders]
    kappa: list[KappaOfTwo]
    disclaimer: str = DISCLAIMER


class OneTable(Span):
    """A span, and which figures of it."""

    subject: Subject = Field(Subject.DAYS, description="Which table.")


@dataclass(frozen=True, slots=True)
class Figures:
    """The answers about numbers of studies."""

    sessions: Sessions
    zone: ZoneInfo | None

    def read(self, asked: Span) -> statistics.Statistics:
        """The figures of a span."""
        with self.sessions.read() as session:
            since, until = asked.times(now=self.sessions.now(session))
        kept_days.keep(self.sessions, since=since, until=until, zone=self.zone)
        with self.sessions.read() as session:
            return statistics.read(session, since=since, until=until, zone=self.zone)

    def all(self, asked: Annotated[Span, Query()]) -> Response:
        """Studies a day, by station, why there was no result, drift from the model's card, and agreement of readers."""
        found = self.read(asked)
        tables = {subject.value: statistics_table.of(found, subject) for subject in Subject}
        rows = {
            name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for name, table in tables.items()
        }
        said: dict[str, Any] = {
            "since": found.since.isoformat(),
            "until": found.until.isoformat(),
            "model": found.model,
        }
        return JSONResponse(said | rows | {"disclaimer": DISCLAIMER})

    def csv(self, asked: Annotated[OneTable, Query()]) -> Response:
        """One table of the figures as CSV."""
        table = statistics_table.of(self.read(asked), asked.subject)
        return csv_file(f"statistics-{asked.subject.value}", csv_text.lines(table.columns, table.rows))
