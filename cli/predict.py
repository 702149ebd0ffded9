"""``perfuscope predict``: classify screens in files, without any service running."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cli import options
from cli.sentences import one_sentence, shown
from core import DISCLAIMER
from core.errors import PerfuscopeError
from core.types import LABELS, Reason, Status

if TYPE_CHECKING:
    from models.classifier import Classifier
    from training.answers import Answer


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
    from training.answers import Known, of_files

    missing = [file for file in files if not file.is_file()]
    if missing:
        raise PerfuscopeError(f"{missing[0]} is not a file.")
    classifier = Classifier(artifact.load(artifact.find(model) if model else artifact.shipped()))
    answers = list(of_files(classifier, files, Known.of(options.asked(home, config))))
    if output == "json":
        typer.echo(json.dumps([_item(answer, classifier) for answer in answers], indent=1))
    else:
        _print(answers, classifier)
    refused = [answer for answer in answers if answer.kind == "view" and answer.reason not in {None, Reason.NO_SCREENS}]
    if refused or not any(answer.probabilities for answer in answers):
        raise typer.Exit(1)


def _item(answer: "Answer", classifier: "Classifier") -> dict[str, Any]:
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


def _print(answers: "Iterable[Answer]", classifier: "Classifier") -> None:
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


def _cells(answer: "Answer") -> list[str]:
    name = shown(answer.files[0].name) if answer.kind == "view" else f"study of {len(answer.files)} files"
    if answer.reason:
        why = f"{answer.reason.sentence} ({answer.detail})" if answer.detail else answer.reason.sentence
        return [name, answer.view.value if answer.view else "", f"no result: {why}", "", "", ""]
    p = answer.probabilities
    said = "" if p is None else p.label.value
    if answer.status is Status.NEEDS_REVIEW:
        said = f"needs review ({said}?)"
    return [name, answer.view.value if answer.view else "", said, *(f"{p[x]:.1%}" for x in LABELS if p)]
