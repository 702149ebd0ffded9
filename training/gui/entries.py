"""From answers to what is shown of them, in words."""

from collections.abc import Sequence
from pathlib import Path

from core.types import REQUIRED_VIEWS, Probabilities, Reason, Status
from training.answers import Answer
from training.gui.state import Entry, ModelShown, Panel, Tone

NOT_A_SCREEN = frozenset({Reason.UNKNOWN_LAYOUT, Reason.WRONG_SIZE, Reason.NO_SCREENS, Reason.IMPLAUSIBLE})
UNREADABLE = frozenset({Reason.UNDECODABLE, Reason.TOO_LARGE})


def entries(answers: Sequence[Answer], model: ModelShown) -> tuple[Entry, ...]:
    """The study first, where it has a result; then its views in their usual order; then what got no result."""
    ordered = sorted(answers, key=_place)
    return tuple(_entry(answer, model) for answer in ordered if answer.kind == "view" or answer.pictures)


def notice(answers: Sequence[Answer]) -> str:
    """Why there is no study's result although files were read; empty where there is one, or no screen at all."""
    seen = [answer.view for answer in answers if answer.kind == "view" and answer.view]
    if not seen or any(answer.kind == "study" and answer.pictures for answer in answers):
        return ""
    missing = [view.caption for view in REQUIRED_VIEWS if view not in seen]
    if missing:
        return f"A study's result needs all three views; without {' and '.join(missing)} each view stands for itself."
    if any(answer.kind == "study" and answer.reason is Reason.AMBIGUOUS for answer in answers):
        return "There are several screens of one view: a study has one of each, so each screen stands for itself."
    return "These screens belong to different studies: each stands for itself."


def _place(answer: Answer) -> tuple[int, int]:
    if answer.kind == "study":
        return 0, 0
    return (1, REQUIRED_VIEWS.index(answer.view)) if answer.view else (2, 0)


def _entry(answer: Answer, model: ModelShown) -> Entry:
    name = whose = answer.files[0].name
    title, subtitle = (answer.view.caption, name) if answer.view else (name, "")
    if answer.kind == "study":
        title, subtitle, whose = "Study", "all three views", "The study"
    if answer.status is Status.REFUSED or answer.reason is Reason.NOVEL:
        why = Reason.NOVEL.sentence + (f" ({answer.detail})" if answer.detail else "")
        return Entry(
            title, subtitle, "Refused", Tone.REFUSED, f"{whose} gets no label: {why}.", None, _panels(answer, model)
        )
    if answer.reason is not None:
        return Entry(title, subtitle, "No result", Tone.REFUSED, _why(answer.files[0], answer.reason, answer.detail))
    if answer.probabilities is None:
        return Entry(title, subtitle, "No result", Tone.REFUSED, f"{whose} gets no result.")
    headline, tone, detail = _verdict(answer, answer.probabilities, model)
    return Entry(title, subtitle, headline, tone, detail, answer.probabilities, _panels(answer, model))


def _verdict(answer: Answer, p: Probabilities, model: ModelShown) -> tuple[str, Tone, str]:
    alone = "" if answer.kind == "study" else " One view alone, not a study's result."
    limit = model.review_below
    if answer.status is Status.NEEDS_REVIEW or (limit is not None and p[p.label] < limit):
        asked = f", below the {limit:.0%} that are asked for" if limit is not None else ""
        return "Needs review", Tone.REVIEW, f"Most probable is {p.label.value} with {p[p.label]:.1%}{asked}.{alone}"
    detail = f"Confidence {p[p.label]:.1%}.{alone}"
    return p.label.value.capitalize(), Tone(p.label.value), detail


def _why(file: Path, reason: Reason, detail: str) -> str:
    """Why a file got no result, in one sentence that names it."""
    why = reason.sentence + (f" ({detail})" if detail else "")
    if reason in UNREADABLE:
        return f"{file.name} cannot be read as an image: {why}. DICOM, PNG and JPEG are read."
    if reason in NOT_A_SCREEN:
        told = " What was missing: perfuscope layout check." if reason is Reason.UNKNOWN_LAYOUT else ""
        return f"{file.name} is not an MPI screen that Perfuscope knows: {reason.sentence}.{told}"
    return f"{file.name} gets no result: {why}."


def _panels(answer: Answer, model: ModelShown) -> tuple[Panel, ...]:
    return tuple(
        Panel(
            picture.prediction.view.caption,
            picture.crop.pixels,
            picture.prediction.activation,
            picture.crop.maps.circles if model.explains_maps and picture.crop.maps else None,
            picture.crop.maps.captions if picture.crop.maps else (),
        )
        for picture in answer.pictures
    )
