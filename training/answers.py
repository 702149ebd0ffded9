"""What a model says of files that somebody names: from file to crop to prediction, study by study; writes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, Self

from pydicom import dcmread

from core.errors import Rejected
from core.settings import Settings
from core.types import (
    REQUIRED_VIEWS,
    Novelty,
    Probabilities,
    Reason,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)
from dicom_node import layouts, prepare, rules, screen_files
from models.crop import CropInput


class Model(Protocol):
    """What answers need of a classifier, whatever runs it."""

    def predict(self, crops: Mapping[View, CropInput]) -> StudyPrediction:
        """The prediction of a study from the crop of each required view."""

    def view(self, view: View, crop: CropInput) -> ViewPrediction:
        """What the model says of one view's crop."""


@dataclass(frozen=True, slots=True)
class Known:
    """How screens are known: the layouts and the view rules in force."""

    layouts: tuple[layouts.Layout, ...]
    rules: tuple[rules.ViewRule, ...]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those of the settings; PerfuscopeError says which layout file or rule is wrong."""
        return cls(layouts.load_all(settings.layout_files), rules.in_force(settings))


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that shows a known screen, and which study it belongs to."""

    file: Path
    study: str = field(repr=False)
    view: View
    crop: CropInput = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """One view that an answer was made from: what was kept of its screen, and what the model says of it."""

    crop: CropInput = field(repr=False)
    prediction: ViewPrediction = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a view or a study, or why there is nothing to say."""

    kind: Literal["view", "study"]
    files: tuple[Path, ...]
    view: View | None = None
    probabilities: Probabilities | None = None
    status: Status | None = None
    reason: Reason | None = None
    detail: str = ""
    pictures: tuple[Picture, ...] = ()


def of_files(model: Model, files: Iterable[Path], known: Known) -> Iterator[Answer]:
    """An answer a file, study by study, then the study's own where it has several files.

    Raises Unavailable or OSError where a file cannot be read.
    """
    studies: dict[str, list[Seen]] = defaultdict(list)
    for file in files:
        try:
            seen = look(file, known)
        except Rejected as error:
            yield Answer("view", (file,), reason=error.reason, detail=error.detail)
        else:
            studies[seen.study].append(seen)
    for group in studies.values():
        yield from _study(model, group)


def look(file: Path, known: Known) -> Seen:
    """The screen in a file; plain images in one folder count as one study. Rejected says what is wrong."""
    if not screen_files.is_dicom(file):
        match, crop = prepare.screen(screen_files.image(file), layouts=known.layouts)
        kept = CropInput(crop.pixels, layouts.maps_of(crop, match.layout))
        return Seen(file, f"folder {file.resolve().parent}", match.view, kept)
    if not screen_files.may_be_screen(file):
        raise Rejected(Reason.NO_SCREENS, "not a Secondary Capture")
    prepared = prepare.prepare(file, layouts=known.layouts, rules=known.rules)
    if isinstance(prepared, prepare.Listed):
        raise Rejected(prepared.reason)
    header = dcmread(file, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
    kept = CropInput(prepared.crop.pixels, prepared.maps)
    return Seen(file, f"study {header.get('StudyInstanceUID', file)}", prepared.view, kept)


def _study(model: Model, group: list[Seen]) -> Iterator[Answer]:
    crops = {seen.view: seen.crop for seen in group}
    if len(group) == len(REQUIRED_VIEWS) == len(crops):
        yield from _whole(model.predict(crops), group)
        return
    for seen in group:
        yield _of_view(seen, model.view(seen.view, seen.crop))
    if len(group) > 1:
        missing = [view.value for view in REQUIRED_VIEWS if view not in crops]
        reason = Reason.INCOMPLETE if missing else Reason.AMBIGUOUS
        detail = f"without {', '.join(missing)}" if missing else ""
        yield Answer("study", tuple(seen.file for seen in group), reason=reason, detail=detail)


def _whole(study: StudyPrediction, group: list[Seen]) -> Iterator[Answer]:
    """An answer a view and one for the study; what is refused gets no probabilities, nor do the views of it."""
    paths = tuple(seen.file for seen in group)
    ordered = sorted(group, key=lambda seen: REQUIRED_VIEWS.index(seen.view))
    pictures = tuple(Picture(seen.crop, study.views[seen.view]) for seen in ordered)
    if study.status is Status.REFUSED:
        yield from (Answer("view", (seen.file,), seen.view, reason=Reason.NOVEL) for seen in group)
        detail = _times(study.novelty)
        yield Answer("study", paths, status=study.status, reason=Reason.NOVEL, detail=detail, pictures=pictures)
        return
    for seen in group:
        said = study.views[seen.view]
        yield Answer("view", (seen.file,), seen.view, said.probabilities, pictures=(Picture(seen.crop, said),))
    yield Answer("study", paths, None, study.probabilities, study.status, pictures=pictures)


def _of_view(seen: Seen, said: ViewPrediction) -> Answer:
    pictures = (Picture(seen.crop, said),)
    if said.novelty is None or not said.novelty.refused:
        return Answer("view", (seen.file,), seen.view, said.probabilities, pictures=pictures)
    return Answer(
        "view",
        (seen.file,),
        seen.view,
        status=Status.REFUSED,
        reason=Reason.NOVEL,
        detail=_times(said.novelty),
        pictures=pictures,
    )


def _times(novelty: Novelty | None) -> str:
    return novelty.sentence if novelty else ""
