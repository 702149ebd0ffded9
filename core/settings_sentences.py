"""Turns what pydantic says of a wrong setting into one sentence: the setting, its value, what is allowed."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from core.settings_fields import WORDS

SECRET = frozenset({"database_url", "broker_url"})
"""Settings whose value may hold a password: it is never repeated."""


def of(error: ValidationError, *, known: Iterable[str]) -> str:
    """One sentence about the first thing that is wrong; ``known`` are the dotted names of all settings."""
    first = error.errors()[0]
    name = _name(first["loc"])
    if not name:
        return _message(first)
    if first["type"] == "extra_forbidden":
        return f"{name} is no setting{hint(_without_numbers(name), known)}"
    if first["type"] == "missing":
        return f"{name} is missing"
    value = "" if name in SECRET else f" = {first['input']!r}"
    return f"{name}{value} is not allowed: {_allowed(error, name)}"


def hint(name: str, known: Iterable[str], *, before: str = "", after: str = "") -> str:
    """``; did you mean X?`` where a known name is near, between ``before`` and ``after``; else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {before}{near[0]}{after}?" if near else ""


def unreadable_variable(error: ValueError) -> str:
    """The sentence for an environment variable that should be JSON and is not."""
    field = re.search(r'field "(\w+)"', str(error))
    name = f"PERFUSCOPE_{field[1].upper()}" if field else "a PERFUSCOPE_ variable"
    return f"the value of {name} is not JSON; lists and tables are easier written in the settings file"


def _name(location: tuple[int | str, ...]) -> str:
    """The dotted name; what pydantic adds to tell the members of a union apart is left out."""
    return ".".join(str(part) for part in location if "[" not in str(part))


def _without_numbers(name: str) -> str:
    return ".".join(part for part in name.split(".") if not part.isdigit())


def _allowed(error: ValidationError, name: str) -> str:
    same = [e for e in error.errors() if _name(e["loc"]) == name]
    expected = [str(e["ctx"]["expected"]) for e in same if "expected" in e.get("ctx", {})]
    if len(expected) > 1:
        return "it should be one of " + ", ".join(expected)
    if same[0]["type"] == "tuple_type":
        return f"it should be tables, each under its own [[{name}]]"
    return WORDS.get(str(same[0].get("ctx", {}).get("pattern")), _message(same[0]))


def _message(error: Mapping[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return text if error["type"] == "value_error" else text[0].lower() + text[1:]
