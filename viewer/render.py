"""Templates, and how values are written in them. Everything a template prints is escaped.

An identified value is shown where a template says ``reveal``, and nowhere else.
"""

from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core import DISCLAIMER, TRAINED_ON, __version__
from core.errors import PerfuscopeError
from core.phi import Phi
from core.types import LABELS, REQUIRED_VIEWS, Confidence, Label, Probabilities
from db.calendar_days import YEARS
from db.tables import Prediction
from db.worklist import Sort
from viewer import happened, names, words
from viewer.admin import words as admin_words
from viewer.first_page import first_page

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"


class Templates:
    """The pages' templates; times without a browser's help are in ``zone`` (a name, or ``local``)."""

    def __init__(self, zone: str) -> None:
        self.zone = None if zone == "local" else ZoneInfo(zone)
        self._environment = _environment(self.zone)

    def text(self, template: str, **context: Any) -> Markup:
        """A template filled in; StrictUndefined raises where something is missing."""
        return Markup(self._environment.get_template(template).render(**context))  # noqa: S704 - escaped by Jinja2


@lru_cache(maxsize=8)
def _environment(zone: ZoneInfo | None) -> Environment:
    """What reads templates, and has read them once for every application of this process."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "DISCLAIMER": DISCLAIMER,
        "here": "",
        "there": "",
        "admin": admin_words,
        "TRAINED_ON": TRAINED_ON,
        "VERSION": __version__,
        "LABELS": LABELS,
        "VIEWS": REQUIRED_VIEWS,
        "words": words,
        "happened": happened,
        "probability": _probability,
        "Confidence": Confidence,
        "Sort": Sort,
        "static": _static,
        "first_page": first_page,
        "days_of": partial(_called, zone),
        "DAYS": {"min": f"{YEARS[0]}-01-01", "max": f"{YEARS[-1]}-12-31"},
    }
    made.filters |= {
        "day": names.day,
        "first_large": _first_large,
        "groups": names.groups,
        "iso": _iso,
        "percent": names.percent,
        "plain": names.plain,
        "plain_lines": names.plain_lines,
        "reveal": Phi.reveal,
        "when": partial(_when, zone=zone, form="%Y-%m-%d %H:%M"),
        "when_exactly": partial(_when, zone=zone, form="%Y-%m-%d %H:%M:%S"),
    }
    return made


def _called(zone: ZoneInfo | None) -> str:
    """The zone whose midnights begin the days that somebody asks for; of the machine's own, what its clock calls it."""
    return zone.key if zone is not None else datetime.now(UTC).astimezone().strftime("%Z")


def _when(at: datetime, *, zone: ZoneInfo | None, form: str) -> str:
    return at.astimezone(zone).strftime(form)


def _first_large(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def sentence(error: PerfuscopeError) -> str:
    """An error's sentence as it stands on a page."""
    return f"{_first_large(str(error))}."


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _probability(said: Prediction | Probabilities, label: Label) -> float:
    return said[label] if isinstance(said, Probabilities) else float(getattr(said, f"p_{label.value}"))


@lru_cache
def _static(name: str) -> str:
    """The address of a file of ours; it changes with the release, so that a browser never mixes two."""
    return f"/static/{name}?{__version__}"
