"""Where commands show identified values: as JSON, and as cells of tables. Who looks was written down before."""

import json
from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import Any

from core.phi import Phi


def plain(value: object) -> object:
    """The value as it is printed: what is withheld elsewhere is shown here."""
    return value.reveal() if isinstance(value, Phi) else value


def as_json(found: Any) -> str:
    """JSON for people and programs, identified values included."""
    return json.dumps(found, indent=2, default=_shown)


def as_json_array(found: Iterable[Any]) -> Iterator[str]:
    """The same of many, in pieces: no more than one item is in memory."""
    begin = "["
    for item in found:
        yield f"{begin}\n" + indent(as_json(item), "  ")
        begin = ","
    yield "[]\n" if begin == "[" else "\n]\n"


def _shown(value: object) -> str:
    if isinstance(value, Phi):
        return value.reveal()
    msg = f"{type(value).__name__} is nothing that JSON can hold"
    raise TypeError(msg)
