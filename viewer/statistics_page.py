"""The page with figures of a span of time: drawn here, each figure with its n, each table to be had as CSV."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.responses import HTMLResponse

from core.kappa import FEWEST
from core.roles import Role
from db.calendar_days import asked_midnight
from db.statistics import PLACES, Statistics
from db.statistics_table import Subject
from viewer import charts
from viewer.access import allowed, shown
from viewer.api.asked import Span
from viewer.api.figures import Figures
from viewer.render import Templates

ADDRESS = "/admin/statistics"
SPANS = {"7 days": 7, "30 days": 30, "90 days": 90, "A year": 365}
NAMES = {
    "normal": "Normal",
    "ischemia": "Ischemia",
    "infarction": "Infarction",
    "needs_review": "Needs review",
    "no_result": "No result",
    "quarantined": "Quarantine",
    "at_work": "At work",
}
FIGURES = {
    "unlike": "Refused as unlike the model's training",
    "review": "Need review, of those with a label",
}


@dataclass(frozen=True, slots=True)
class StatisticsPage:
    """The page of figures."""

    figures: Figures
    templates: Templates

    def add_to(self, app: FastAPI) -> None:
        """Give the application its address."""
        rule = [Depends(allowed(Role.ADMIN))]
        app.add_api_route(ADDRESS, self.show, methods=["GET", "HEAD"], dependencies=rule)

    def show(self, request: Request, since: str = "", until: str = "") -> Response:
        """The figures from a day to a day, both of them included; the last 30 days unless others are named."""
        try:
            found, wrong = self.figures.read(self._asked(since, until)), ""
        except (ValueError, OverflowError, RequestValidationError):
            wrong = f"Write days as 2026-11-23, the first one first, at most {max(SPANS.values())} days in all."
            found = self.figures.read(self._asked("", ""))
        context = self._context(found)
        text = self.templates.text("statistics.html", there="statistics", **shown(request), wrong=wrong, **context)
        return HTMLResponse(text, status_code=422 if wrong else 200)

    def _asked(self, since: str, until: str) -> Span:
        """The span of days in the pages' zone."""
        last = date.fromisoformat(until) if until else datetime.now(self.figures.zone).date()
        first = date.fromisoformat(since) if since else last - timedelta(days=SPANS["30 days"] - 1)
        return Span.model_validate({"since": self._start(first), "until": self._start(last + timedelta(days=1))})

    def _start(self, day: date) -> str:
        """A day's first moment; in the machine's zone where none is set."""
        return asked_midnight(day, self.figures.zone).astimezone(self.figures.zone).isoformat()

    def _context(self, found: Statistics) -> dict[str, Any]:
        span = {"since": _stamp(found.since), "until": _stamp(found.until)}
        pairs = [(drift.here, drift.reference) for one in found.stations for drift in one.drifts]
        most = charts.reach(pairs)
        return {
            "found": found,
            "first": found.days[0].day,
            "last": found.days[-1].day,
            "spans": self._spans(),
            "chart": charts.stacked(found.days, NAMES),
            "places": PLACES,
            "names": NAMES,
            "figures": FIGURES,
            "strip": lambda drift: charts.strip(drift.here, drift.reference, most=most),
            "most": most,
            "csv": {s.value: f"/api/v1/statistics.csv?{urlencode({'subject': s.value, **span})}" for s in Subject},
            "with_model": [one for one in found.agreement.shares if one.what == "model"],
            "between": [one for one in found.agreement.shares if one.what == "readers"],
            "pairs": found.agreement.pairs,
            "fewest": FEWEST,
        }

    def _spans(self) -> dict[str, str]:
        today = datetime.now(self.figures.zone).date()
        return {
            name: f"{ADDRESS}?{urlencode({'since': today - timedelta(days=days - 1), 'until': today})}"
            for name, days in SPANS.items()
        }


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
