"""``perfuscope predict``: classify screens in files, without any service running."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cli import options, screen_files
from cli.sentences import one_sentence, shown
from core import DISCLAIMER
from core import settings as core_settings
from core.errors import PerfuscopeError, Rejected
from core.types import (
    LABELS,
    REQUIRED_VIEWS,
    Novelty,
    Probabilities,
    Reason,
    Status,
    StudyPrediction,
    View,
    ViewPrediction,
)

if TYPE_CHECKING:
    from dicom_node.layouts import Layout
    from dicom_node.rules import ViewRule
    from models.classifier import Classifier
    from models.crop import CropInput


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file that shows a known screen, and which study it belongs to."""

    file: Path
    study: str
    view: View
    crop: "CropInput"


@dataclass(frozen=True, slots=True)
class _Known:
    """How screens are known: the layouts and the view rules in force."""

    layouts: "tuple[Layout, ...]"
    rules: "tuple[ViewRule, ...]"


@dataclass(frozen=True, slots=True)
class _Answer:
    """A line of the result: a view, a study, or why there is none."""

    kind: Literal["view", "study"]
    files: tuple[Path, ...]
    view: View | None = None
    probabilities: Probabilities | None = None
    status: Status | None = None
    reason: Reason | None = None
    detail: str = ""


@one_sentence
def predict(
    files: Annotated[list[Path], typer.Argument(help="PNG, JPEG or DICOM files of QPS/QGS screens.")],
    *,
    model: Annotated[str | None, typer.Option(help="An artifact's folder or name; default: the shipped one.")] = None,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="What to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Classify screens in files. Files of one study (all three views) get a study result too.

    Layouts and view rules are those of the settings; of the home folder nothing else is read, and nothing is written.
    """
    from models import artifact
    from models.classifier import Classifier

    missing = [file for file in files if not file.is_file()]
    if missing:
        raise PerfuscopeError(f"{missing[0]} is not a file.")
    classifier = Classifier(artifact.load(artifact.find(model) if model else artifact.shipped()))
    answers = list(_answers(classifier, files, _known(home, config)))
    if output == "json":
        typer.echo(json.dumps([_item(answer, classifier) for answer in answers], indent=1))
    else:
        _print(answers, classifier)
    refused = [answer for answer in answers if answer.kind == "view" and answer.reason not in {None, Reason.NO_SCREENS}]
    if refused or not any(answer.probabilities for answer in answers):
        raise typer.Exit(1)


def _known(home: Path | None, config: Path | None) -> _Known:
    from dicom_node import layouts, rules

    named = os.environ.get("PERFUSCOPE_CONFIG")
    found = core_settings.load(config or (Path(named) if named else None), home=home)
    return _Known(layouts.load_all(found.layouts), rules.in_force(found))


def _answers(classifier: "Classifier", files: Iterable[Path], known: _Known) -> Iterator[_Answer]:
    """An answer a file, study by study, then the study's own where it has several files."""
    studies: dict[str, list[_Seen]] = defaultdict(list)
    for file in files:
        try:
            seen = _look(file, known)
        except Rejected as error:
            yield _Answer("view", (file,), reason=error.reason, detail=error.detail)
        else:
            studies[seen.study].append(seen)
    for group in studies.values():
        yield from _study(classifier, group)


def _study(classifier: "Classifier", group: list[_Seen]) -> Iterator[_Answer]:
    crops = {seen.view: seen.crop for seen in group}
    paths = tuple(seen.file for seen in group)
    if len(group) == len(REQUIRED_VIEWS) == len(crops):
        yield from _whole(classifier.predict(crops), group)
        return
    for seen in group:
        yield _of_view(seen, classifier.view(seen.view, seen.crop))
    if len(group) > 1:
        missing = [view.value for view in REQUIRED_VIEWS if view not in crops]
        reason = Reason.INCOMPLETE if missing else Reason.AMBIGUOUS
        yield _Answer("study", paths, reason=reason, detail=f"without {', '.join(missing)}" if missing else "")


def _whole(study: StudyPrediction, group: list[_Seen]) -> Iterator[_Answer]:
    """An answer a view and one for the study; what is refused gets no probabilities, nor do the views of it."""
    paths = tuple(seen.file for seen in group)
    if study.status is Status.REFUSED:
        yield from (_Answer("view", (seen.file,), seen.view, reason=Reason.NOVEL) for seen in group)
        yield _Answer("study", paths, status=study.status, reason=Reason.NOVEL, detail=_times(study.novelty))
        return
    for seen in group:
        yield _Answer("view", (seen.file,), seen.view, study.views[seen.view].probabilities)
    yield _Answer("study", paths, None, study.probabilities, study.status)


def _of_view(seen: _Seen, said: ViewPrediction) -> _Answer:
    if said.novelty is not None and said.novelty.refused:
        detail = _times(said.novelty)
        return _Answer("view", (seen.file,), seen.view, status=Status.REFUSED, reason=Reason.NOVEL, detail=detail)
    return _Answer("view", (seen.file,), seen.view, said.probabilities)


def _times(novelty: Novelty | None) -> str:
    return novelty.sentence if novelty else ""


def _look(file: Path, known: _Known) -> _Seen:
    """The screen in a file; plain images in one folder count as one study. Rejected says what is wrong."""
    from pydicom import dcmread

    from dicom_node import prepare
    from dicom_node.layouts import maps_of
    from models.crop import CropInput

    if not screen_files.is_dicom(file):
        match, crop = prepare.screen(screen_files.image(file), layouts=known.layouts)
        kept = CropInput(crop.pixels, maps_of(crop, match.layout))
        return _Seen(file, f"folder {file.resolve().parent}", match.view, kept)
    if not screen_files.may_be_screen(file):
        raise Rejected(Reason.NO_SCREENS, "not a Secondary Capture")
    prepared = prepare.prepare(file, layouts=known.layouts, rules=known.rules)
    if isinstance(prepared, prepare.Listed):
        raise Rejected(prepared.reason)
    header = dcmread(file, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
    return _Seen(
        file,
        f"study {header.get('StudyInstanceUID', file)}",
        prepared.view,
        CropInput(prepared.crop.pixels, prepared.maps),
    )


def _item(answer: _Answer, classifier: "Classifier") -> dict[str, Any]:
    """An answer as JSON."""
    p, model = answer.probabilities, classifier.identity
    return {
        "kind": answer.kind,
        "files": [str(file) for file in answer.files],
        "view": answer.view,
        "label": p.label if p else None,
        "status": answer.status,
        "probabilities": p.as_dict() if p else None,
        "reason": answer.reason,
        "detail": answer.detail or None,
        "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
        "disclaimer": DISCLAIMER,
    }


def _print(answers: Iterable[_Answer], classifier: "Classifier") -> None:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("file", overflow="fold")
    for heading in ("view", "answer"):
        table.add_column(heading)
    for label in LABELS:
        table.add_column(label.value, justify="right")
    for answer in answers:
        table.add_row(*_cells(answer), style="bold" if answer.kind == "study" else None)
    console = Console()
    console.print(table)
    model = classifier.identity
    console.print(f"{model.name} {model.version} ({model.sha256[:12]}). {DISCLAIMER}", highlight=False)
    console.print(classifier.card.statement, style="dim", highlight=False)


def _cells(answer: _Answer) -> list[str]:
    name = shown(answer.files[0].name) if answer.kind == "view" else f"study of {len(answer.files)} files"
    if answer.reason:
        why = f"{answer.reason.sentence} ({answer.detail})" if answer.detail else answer.reason.sentence
        return [name, answer.view.value if answer.view else "", f"no result: {why}", "", "", ""]
    p = answer.probabilities
    said = "" if p is None else p.label.value
    if answer.status is Status.NEEDS_REVIEW:
        said = f"needs review ({said}?)"
    return [name, answer.view.value if answer.view else "", said, *(f"{p[x]:.1%}" for x in LABELS if p)]
