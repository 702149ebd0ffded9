"""What codes are called on the pages. A code that is not known here is shown as it is."""

from collections.abc import Sequence

from core.delivery_codes import sentence
from core.maps import Maps
from core.types import Confidence, Label, Outcome, View
from db.pages import MOST, Show
from db.reports import delivery_state
from db.study_page import StudyPage
from db.tables import Case, Instance, Prediction, ViewImage
from db.worklist import Sort
from viewer.names import percent

__all__ = [
    "CHOICES",
    "CONFIDENCES",
    "DELIVERIES",
    "KINDS",
    "SHORT",
    "SORTS",
    "STANDINGS",
    "VIEW_NAMES",
    "beginning",
    "delivery_reason",
    "delivery_state",
    "differs",
    "instance",
    "many",
    "reason",
    "result",
    "tiles",
    "tone",
    "verdict",
]

SHORT = {Label.NORMAL: "Norm", Label.ISCHEMIA: "Isch", Label.INFARCTION: "Inf"}
CHOICES = {
    Show.ALL: "All",
    Show.AT_WORK: "At work",
    Show.NORMAL: "Normal",
    Show.ISCHEMIA: "Ischemia",
    Show.INFARCTION: "Infarction",
    Show.NEEDS_REVIEW: "Needs review",
    Show.NO_RESULT: "No result",
    Show.QUARANTINED: "Quarantine",
    Show.UNDELIVERED: "Report not delivered",
}
SORTS = {Sort.NEWEST: "newest first", Sort.OLDEST: "oldest first", Sort.COMPLETED: "last completed first"}
STANDINGS = {"agreed": "Agreed", "differs": "Another label", "disputed": "Readers disagree"}
CONFIDENCES = {Confidence.HIGH: "sure", Confidence.MODERATE: "fairly sure", Confidence.LOW: "not sure"}
VIEW_NAMES = {view.value: view.caption for view in View}
STATES = {
    "receiving": "Receiving",
    "preparing": "Preparing",
    "classifying": "Classifying",
    "reporting": "Reporting",
    "accepted": "Accepted",
    "needs_review": "Needs review",
    "no_result": "No result",
    "quarantined": "Quarantine",
}
DELIVERIES = {
    "waiting": "Waiting to be sent",
    "sent": "Sent",
    "committed": "Stored for good",
    "unconfirmed": "Sent, not confirmed",
    "failed": "Not delivered",
    "superseded": "Superseded",
    "no_destination": "No destination",
}
INSTANCES = {
    "received": "Waiting",
    "prepared": "Read",
    "listed": "Listed",
    "quarantined": "Quarantine",
}
KINDS = {
    "sc": "Page",
    "sr": "Structured report",
    "notice": "Notice",
    "kos": "Rejection of this revision",
}
_LINES, _LETTERS = 4, 150
"""So much of a comment stands beside a result."""
_AT_WORK = {
    "receiving": "Objects are arriving, or a view is still missing.",
    "preparing": "The screens are being read and cropped.",
    "classifying": "The model is at work.",
    "reporting": "The report is being made.",
}


def delivery_reason(code: str) -> str:
    """Why a delivery is not done, or what else there is to say of it."""
    return sentence(code) or ""


def many(number: int) -> str:
    """A count of studies, its thousands apart; one that was not counted to the end says so."""
    return f"{number:,}".replace(",", " ") + ("+" if number >= MOST else "")


def result(state: str, outcome: Outcome | None, label: Label | None) -> str:
    """The result in one or two words: the label where it stands as a result, else the state."""
    if outcome is Outcome.ACCEPTED and state == outcome and label is not None:
        return label.value.capitalize()
    return STATES.get(state, state)


def tone(state: str, outcome: Outcome | None, label: Label | None) -> str:
    """The name of the colour and the shape that a result is shown with."""
    if outcome is Outcome.ACCEPTED and state == outcome and label is not None:
        return label.value
    return state if state in {"needs_review", "no_result", "quarantined"} else "at_work"


def differs(sides: Sequence[StudyPage], *fields: str) -> str:
    """``changed`` where two revisions differ in a field, else nothing."""
    left, right = ([getattr(side.case, field) for field in fields] for side in sides)
    return "changed" if left != right else ""


def reason(case: Case | None) -> str:
    """Why there is no result, in words; empty where there is one."""
    if case is None or case.reason is None:
        return ""
    text = case.reason.sentence + (f" ({case.detail})" if case.detail else "")
    return text[0].upper() + text[1:]


def verdict(state: str, case: Case | None, said: Prediction | None, review_below: object) -> str:
    """The sentence below a result: what it rests on, or why there is none."""
    if case is None or case.outcome is None:
        return _AT_WORK.get(state, "")
    if case.outcome is Outcome.QUARANTINED:
        return f"Kept aside and not classified. {reason(case)}."
    if said is None or case.outcome is Outcome.NO_RESULT:
        return f"{reason(case) or 'Not available'}."
    share = _together(percent(_of(said, said.label)))
    if case.outcome is Outcome.NEEDS_REVIEW:
        asked = (
            f" The model asks for at least {_together(percent(review_below))}."
            if isinstance(review_below, float)
            else ""
        )
        return f"To be read by a physician. Most probable: {said.label.value}, {share}.{asked}"
    return f"The most probable of three classes, {share}."


def _together(share: str) -> str:
    """A figure that is not broken over two lines."""
    return share.replace(" ", "\N{NO-BREAK SPACE}")


def _of(said: Prediction, label: Label) -> float:
    return float(getattr(said, f"p_{label.value}"))


def beginning(comment: str) -> str:
    """As much of a comment as leaves the maps below it on the screen: some four lines."""
    lines = comment.splitlines()
    start = "\n".join(lines[:_LINES])
    cut = start[:_LETTERS].rsplit(maxsplit=1)[0] if len(start) > _LETTERS else start
    return comment if len(lines) <= _LINES and cut == start else f"{cut.rstrip()} …"


def instance(row: Instance) -> str:
    """What became of an object."""
    words = INSTANCES.get(row.state.value, row.state.value)
    decided = f", {row.decision.value}" if row.decision else ""
    return f"{words}{decided}" + (f": {row.reason.sentence}" if row.reason else "")


def tiles(crop: ViewImage) -> tuple[str, ...]:
    """What the four polar maps of a crop are called, in reading order; an older crop does not say where they lie."""
    return Maps.of_json(crop.maps).captions if crop.maps else ()
