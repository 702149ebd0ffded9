"""What somebody asks the worklist for: the words of its address, and the filter they mean."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Self
from urllib.parse import urlencode

from core.phi import NOTHING, Phi
from core.types import Label
from db.pages import Show
from db.worklist import AT_WORK, UNDELIVERED, Filter, Sort

_STATES: dict[Show, tuple[str, ...]] = {
    Show.ALL: (),
    Show.AT_WORK: AT_WORK,
    Show.NORMAL: ("accepted",),
    Show.ISCHEMIA: ("accepted",),
    Show.INFARCTION: ("accepted",),
    Show.NEEDS_REVIEW: ("needs_review",),
    Show.NO_RESULT: ("no_result",),
    Show.QUARANTINED: ("quarantined",),
    Show.UNDELIVERED: (UNDELIVERED,),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of the worklist; its address holds this and nothing else, and never a search's words."""

    show: Show = Show.ALL
    since: date | None = None
    until: date | None = None
    """The last day, included."""
    sender: str = ""
    sort: Sort = Sort.NEWEST
    after: str = ""
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
            "after": str,
            "found": str,
        }
        return cls(**{name: kind(query[name]) for name, kind in kinds.items() if query.get(name)})

    @property
    def narrowed(self) -> bool:
        """Whether anything but a choice and an order was asked for."""
        return bool(self.since or self.until or self.sender or self.found)

    def address(self, **changes: Any) -> str:
        """The address of this view, or of one that differs in something; from its first page on, unless that is said."""
        asked = replace(self, **({"after": ""} | changes))
        usual = type(self)()
        said = [(f.name, getattr(asked, f.name)) for f in fields(self)]
        query = {name: str(value) for name, value in said if value and value != getattr(usual, name)}
        return "/" + (f"?{urlencode(query)}" if query else "")

    def filter(self, text: Phi, zone: tzinfo | None) -> Filter:
        """The same for the database; days begin at midnight in ``zone``, None being this machine's."""
        return Filter(
            states=_STATES[self.show],
            labels=(Label(self.show.value),) if self.show.value in set(Label) else (),
            since=_midnight(self.since, zone) if self.since else None,
            until=_midnight(self.until + timedelta(days=1), zone) if self.until else None,
            sender=self.sender or None,
            text=text or NOTHING,
            sort=self.sort,
            cursor=self.after or None,
        )


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(zone)
