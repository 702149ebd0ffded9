"""``perfuscope model activate``: a model in force that meets the written criteria and is not worse than the active."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from db.model_versions import Grounds
    from db.session import Sessions
    from models.artifact import Artifact
    from models.card import Card, Criterion
    from models.figures import Evaluation
    from training.datasets import Dataset


@one_sentence
def activate(
    name: Annotated[str, typer.Argument(help="An artifact's folder, or the name of a shipped artifact.")],
    *,
    reference: Annotated[
        Path | None, typer.Option(help="Labelled patients on whom both models are scored now, not by their cards.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Although it is refused; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why it is forced; kept for good, so name no patient.")] = None,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Put a model in force: new studies are classified with it, older results stay.

    Refused (exit code 2) is one that misses a written criterion (models/acceptance.toml), or is worse than the active
    model on the same patients: those that both cards have figures of, or those of --reference. On PostgreSQL this needs
    the rights of `perfuscope db upgrade`.
    """
    from db.model_versions import Grounds
    from models import acceptance, artifact

    if force and not (reason and reason.strip()):
        raise PerfuscopeError("--force needs --reason TEXT: it is kept with the activation.")
    if reason and not force:
        raise PerfuscopeError("--reason is for --force; a model that is not refused needs none.")
    found = artifact.load(artifact.find(name))
    sessions = options.sessions(options.installed(home, config))
    criteria = _judged(found, sessions, reference)
    _show(criteria)
    missed = acceptance.missed(criteria)
    if missed and not force:
        said = acceptance.refusal(found.card.name, missed)
        raise PerfuscopeError(f"{said}; to activate it all the same: --force --reason TEXT")
    grounds = Grounds(actor(), tuple(criterion.name for criterion in missed), reason if missed else None)
    _put_in_force(sessions, found, grounds)
    typer.echo(f"{found.card.name} {found.card.version} ({found.identity.sha256[:12]}) is active.")


def _active(sessions: "Sessions") -> "Card | None":
    """The active model's card; None where nothing is active, or nothing that this release can read."""
    from db import model_versions
    from models.card import Card

    with sessions.read() as session:
        row = model_versions.active(session)
        return Card.model_validate(row.card) if row is not None else None


def _judged(found: "Artifact", sessions: "Sessions", reference: Path | None) -> "tuple[Criterion, ...]":
    """How the model stands against every criterion, and against the active model where there is one."""
    from models import acceptance

    wanted, active = acceptance.written(), _active(sessions)
    if active is not None and active.files == found.card.files:
        active = None  # it is the active model itself
    if reference is None:
        figures = acceptance.reference(found.card, active)
    else:
        figures = _scored(found, sessions if active else None, reference)
    return acceptance.all_of(found.card, active, figures, wanted)


def _scored(found: "Artifact", sessions: "Sessions | None", data: Path) -> "tuple[Evaluation, Evaluation | None]":
    """Both models' figures on the patients in a folder, computed now."""
    from training import datasets

    screen = Console(stderr=True)
    with counted(screen, f"reading {data.name}") as progress:
        patients = datasets.read(data, progress=progress).unseen()
    if not patients.patients:
        raise PerfuscopeError(f"{data} has nobody in its test part to be scored on.")
    theirs = None
    if sessions is not None:
        with TemporaryDirectory() as folder:
            theirs = _figures(_unpacked(sessions, Path(folder)), patients, data.name)
    return _figures(found, patients, data.name), theirs


def _figures(found: "Artifact", patients: "Dataset", name: str) -> "Evaluation":
    from models.classifier import Classifier
    from training.evaluation.model import evaluate

    with counted(Console(stderr=True), found.card.name) as progress:
        return evaluate(Classifier(found, threads=2), patients, name=name, progress=progress)


def _unpacked(sessions: "Sessions", folder: Path) -> "Artifact":
    from db import model_versions
    from models import artifact

    with sessions.read() as session:
        row = model_versions.active(session)
        whole = model_versions.with_bytes(session, row.id) if row else None
        if whole is None:
            raise PerfuscopeError("No model is active; run: perfuscope db upgrade")
        return artifact.load(artifact.unpack(whole.artifact, folder / whole.name))


def _put_in_force(sessions: "Sessions", found: "Artifact", grounds: "Grounds") -> None:
    from worker.activating import InForce

    new = InForce.of(found, grounds)
    with sessions.write() as session:
        new.put(session, now=sessions.now(session))


def _show(criteria: "tuple[Criterion, ...]") -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("criterion", "wanted", "found", ""):
        table.add_column(heading, overflow="fold")
    for criterion in criteria:
        said = {True: "[green]met[/green]", False: "[red]missed[/red]", None: "[red]unknown[/red]"}[criterion.met]
        table.add_row(criterion.name, criterion.wanted, criterion.found, said)
    Console().print(table)
