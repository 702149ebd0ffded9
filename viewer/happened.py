"""A study's events as people tell them. What is not known here is shown as it is written down."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from core.delivery_codes import sentence
from core.types import AuditAction, Confidence, Reason
from db.tables import AuditEvent

EVENTS = {
    "start": "Started",
    "stop": "Stopped",
    "receive": "Received",
    "result": "Result",
    "send": "Delivery",
    "view": "Looked at",
    "release": "Released from quarantine",
    "reject": "Rejected in quarantine",
    "requeue": "Put in line again",
    "suspend": "Its layout was suspended",
    "resume": "A layout was taken into use again",
    "trust": "A layout was trusted",
    "export": "Exported without its patient",
    "purge": "Deleted by retention",
    "activate": "A model was activated",
    "review": "Reviewed",
    "login": "Logged in",
    "logout": "Logged out",
    "refuse": "Refused",
    "user": "A user was changed",
    "token": "A token was changed",
    "try": "Tried an image",
    "search": "Searched",
    "try_peer": "A peer was tried",
    "layout": "A layout was saved",
}
_COUNTED = re.compile(r"objects=(\d+) duplicates=(\d+)")
_REVISION = re.compile(r"revision=(\d+) (.+)")
_CONFIDENCE = {Confidence.HIGH: "sure", Confidence.MODERATE: "fairly sure", Confidence.LOW: "not sure"}
_REASONS = {reason.value: reason.sentence for reason in Reason}
_RESULTS = {"accepted": "", "needs_review": "needs review", "no_result": "no result", "quarantined": "quarantine"}
_KINDS = {"sc": "page", "sr": "structured report", "notice": "notice", "kos": "rejection"}
_ENDS = {"sent": "sent", "committed": "stored for good"}
_LOOKS = {"study": "", "quarantine show": "in quarantine", "quarantine picture": "its picture, in quarantine"}


@dataclass(frozen=True, slots=True)
class Happening:
    """Events of one kind by one actor that followed each other."""

    what: str
    actor: str
    detail: str
    first: datetime
    last: datetime
    times: int


def happenings(events: Sequence[AuditEvent]) -> list[Happening]:
    """A study's events, newest first; those that repeat each other are one line."""
    found = []
    for _, run in groupby(events, key=lambda e: (e.action, e.actor, e.detail)):
        alike = list(run)
        first, last = alike[0], alike[-1]
        what = EVENTS.get(first.action.value, first.action.value)
        told = Happening(what, who(first.actor), detail(first), first.at, last.at, len(alike))
        found.append(told)
    return found[::-1]


def who(actor: str) -> str:
    """Who did it: a user, a program for its user, a station, or Perfuscope itself."""
    kind, _, name = actor.partition(":")
    if kind == "token" and "/" in name:
        user, _, program = name.partition("/")
        return f"{program}, for {user}"
    return name if kind in {"user", "ae"} and name else actor[:1].upper() + actor[1:]


def detail(event: AuditEvent) -> str:
    """What there is to say of it; empty where its action says all."""
    told: dict[AuditAction, Callable[[str], str]] = {
        AuditAction.RECEIVE: _received,
        AuditAction.RESULT: _result,
        AuditAction.REVIEW: _result,
        AuditAction.SEND: _sent,
        AuditAction.VIEW: _look,
    }
    say = told.get(event.action)
    return say(event.detail) if say else event.detail


def _received(text: str) -> str:
    found = _COUNTED.fullmatch(text)
    if not found:
        return text
    new, again = int(found[1]), int(found[2])
    parts = [f"{new} object{'' if new == 1 else 's'}"] if new or not again else []
    return ", ".join([*parts, *([f"{again} that {'was' if again == 1 else 'were'} here already"] if again else [])])


def _result(text: str) -> str:
    found = _REVISION.fullmatch(text)
    if not found:
        return text
    words = [_word(code) for code in found[2].split(" ")]
    return f"revision {found[1]}, {', '.join(word for word in words if word)}"


def _word(code: str) -> str:
    if code in _CONFIDENCE:
        return _CONFIDENCE[Confidence(code)]
    return _RESULTS.get(code, _REASONS.get(code, code))


def _look(text: str) -> str:
    return _LOOKS.get(text, text)


def _sent(text: str) -> str:
    kind, _, rest = text.partition(" ")
    destination, _, code = rest.rpartition(" ")
    if kind not in _KINDS or not destination:
        return text
    said = _ENDS.get(code) or sentence(code) or code
    return f"{_KINDS[kind]} to {destination}: {said}"
