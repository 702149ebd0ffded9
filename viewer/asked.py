"""What somebody asks the worklist for: the words of its address, and the filter they mean."""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.phi import Phi
from db import pages
from db.calendar_days import asked_midnight
from db.pages import Show
from db.worklist import Cursor, Filter, Sort


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of the worklist; its address holds this and nothing else, and never a search's words."""

    show: Show = Show.ALL
    since: date | None = None
    until: date | None = None
    """The last day, included."""
    sender: str = ""
    sort: Sort = Sort.NEWEST
    after: Cursor | None = None
    found: str = ""
    """The key of a search."""

    @classmethod
    def of(cls, query: dict[str, str]) -> Self:
        """From an address's parameters; those that are not ours are left out. ValueError for a value that is none."""
        kinds: dict[str, Any] = {
            "show": Show,
            "since": date.fromisoformat,
            "until": date.fromisoformat,
            "sender": str,
            "sort": Sort,
            "after": Cursor.parse,
            "found": str,
        }
        return cls(**{name: kind(query[name]) for name, kind in kinds.items() if query.get(name)})

    @property
    def narrowed(self) -> bool:
        """Whether anything but a choice and an order was asked for."""
        return bool(self.since or self.until or self.sender or self.found)

    def address(self, **changes: Any) -> str:
        """The address of this view, or of one that differs in something: its first page, unless that is said."""
        query = replace(self, **({"after": None} | changes)).query
        return "/" + (f"?{urlencode(query)}" if query else "")

    @property
    def query(self) -> dict[str, str]:
        """The words of this view's address."""
        usual = type(self)()
        said = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return {name: str(value) for name, value in said if value and value != getattr(usual, name)}

    def csv(self, zone: ZoneInfo | None) -> str:
        """Where the API has this view's studies as CSV, all pages of them; a search is not in it."""
        wanted = self.filter(None, zone)
        query = {
            "state": sorted(wanted.states),
            "label": sorted(wanted.labels),
            "since": wanted.since.astimezone(zone).isoformat() if wanted.since else "",
            "until": wanted.until.astimezone(zone).isoformat() if wanted.until else "",
            "sender": self.sender,
            "undelivered": "true" if wanted.undelivered else "",
            "sort": "" if self.sort is Sort.NEWEST else self.sort,
        }
        said = urlencode({name: value for name, value in query.items() if value}, doseq=True)
        return "/api/v1/studies.csv" + (f"?{said}" if said else "")

    def filter(self, text: Phi | None, zone: ZoneInfo | None) -> Filter:
        """The same for the database; days begin at midnight in ``zone``, None being this machine's.

        ValueError for a day that nobody means.
        """
        return Filter.of(
            states=pages.STATES.get(self.show, ()),
            labels=[pages.LABELS[self.show]] if self.show in pages.LABELS else (),
            undelivered=self.show is Show.UNDELIVERED,
            since=asked_midnight(self.since, zone) if self.since else None,
            until=asked_midnight(self.until + timedelta(days=1), zone) if self.until else None,
            sender=self.sender or None,
            text=text,
            sort=self.sort,
            cursor=self.after,
        )
