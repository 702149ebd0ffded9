"""``perfuscope studies``: what was received, and what became of each object."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.results import note_view
from cli.results import show as show_results
from cli.revealing import as_json, plain
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError
from core.types import LABELS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.session import Sessions
    from worker.replaying import Replayed

studies_app = typer.Typer(help="Studies: what was received and what became of it.", no_args_is_help=True)


@studies_app.command("requeue")
@one_sentence
def requeue(
    study: Annotated[str, typer.Argument(help="The study's key or its beginning, or its Study Instance UID.")],
    start: Annotated[
        Literal["classify", "prepare"],
        typer.Option("--from", help="classify: the same crops, the active model. prepare: today's layouts and rules."),
    ] = "classify",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Work on a study again. A running node takes it up at once.

    From classify: always a new revision, with a new report. From prepare: a new revision where a crop differs.
    """
    from dicom_node import decisions
    from dicom_node.completion import Policy

    found = options.installed(home, config)
    sessions = options.sessions(found)
    with sessions.write() as session:
        study_id, now = one_study(session, study), sessions.now(session)
        if start == "classify":
            decisions.classify_again(session, study_id, actor=actor(), now=now, policy=Policy.of(found))
            said = "A new revision is to be classified with the active model."
        else:
            count = decisions.prepare_again(session, study_id, actor=actor(), now=now)
            said = f"{count} screens are to be prepared again."
    typer.echo(said)


@studies_app.command("replay")
@one_sentence
def replay(
    study: Annotated[str, typer.Argument(help="The study's key or its beginning, or its Study Instance UID.")],
    revision: Annotated[int | None, typer.Option(min=1, help="Which revision. (default: the newest)")] = None,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Compute a stored result again, from the stored crops and by the recorded model. Nothing is changed.

    Exit code 0 where the probabilities are the same (within 0.0001), 1 where they are not.
    """
    from worker import replaying

    found = options.installed(home, config)
    sessions = options.sessions(found)
    with sessions.read() as session:
        study_id = one_study(session, study)
    replayed = replaying.replay(sessions, found, study_id, revision=revision)
    if output == "json":
        typer.echo(json.dumps(replayed.as_dict(), indent=2))
    else:
        _show_replay(replayed)
    if not replayed.same:
        raise typer.Exit(1)


def _show_replay(replayed: "Replayed") -> None:
    console = Console()
    console.print(f"Revision {replayed.revision} by {replayed.model.name} {replayed.model.version}", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Of", "Stored", "Now", "Difference"):
        table.add_column(column)
    for name, stored, now in replayed.rows:
        values = (" ".join(f"{p[label]:.4f}" for label in LABELS) for p in (stored, now))
        table.add_row(name, *values, f"{max(abs(stored[label] - now[label]) for label in LABELS):.1e}")
    console.print(table)
    console.print("The same." if replayed.same else "[red]Not the same.[/]")


@studies_app.command("list")
@one_sentence
def list_studies(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List studies with their state, newest first."""
    from db import results
    from db.worklist import Filter

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        found = results.listed(session, Filter(), limit=limit)
    note_view(sessions, f"studies list {len(found)}")
    if output == "json":
        typer.echo(as_json(found))
    else:
        show_results(found)
        _say_what_came_back(sessions)


def _say_what_came_back(sessions: "Sessions") -> None:
    """How many of our own objects were pushed to us, where there were any."""
    from db import counters

    with sessions.read() as session:
        counter = counters.value(session, counters.CAME_BACK)
    if counter is not None:
        when = f"{counter.last_at:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"{counter.value} of our own objects came back and were ignored, the last on {when}.")


@studies_app.command("show")
@one_sentence
def show(
    study: Annotated[str, typer.Argument(help="The study's key or its beginning, or its Study Instance UID.")],
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Show one study: its objects, revisions, deliveries, and what readers say of the newest revision."""
    from db import study_detail

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        study_id = one_study(session, study)
        found = study_detail.read(session, study_id) or {}
    note_view(sessions, "studies show", study_id=study_id)
    if output == "json":
        typer.echo(as_json(found))
        return
    console = Console()
    console.print(f"[bold]Study[/] {found['study_id']}   received {found['received_at'][:19]} UTC", highlight=False)
    show_results([found])
    _table(console, "Objects", found["objects"], _object_columns(found["objects"]))
    _table(console, "Revisions", found["revisions"], ("revision", "outcome", "label", "reason", "superseded"))
    _table(console, "Reports", found["reports"], ("revision", "kind", "destination", "state"))
    _table(console, "Reviews", found["reviews"], ("reader", "label", "confidence", "at"))


def one_study(session: "Session", text: str) -> UUID:
    """The study that ``text`` names; PerfuscopeError for none or several."""
    from db import results

    found = results.find(session, text)
    if not found:
        raise PerfuscopeError("no such study; see: perfuscope studies list")
    if len(found) > 1:
        msg = f"{len(found)} studies begin so; give more of the key"
        raise PerfuscopeError(msg)
    return found[0]


def _object_columns(objects: list[dict[str, Any]]) -> list[str]:
    """What was decided and deleted is shown where there is such a thing."""
    rare = [name for name in ("decision", "purged_at") if any(item[name] for item in objects)]
    return ["kind", "description", "view", "state", "reason", *rare]


def _table(console: Console, title: str, rows: list[dict[str, Any]], columns: Iterable[str]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " ").capitalize(), overflow="fold")
    for row in rows:
        table.add_row(*("-" if row[column] is None else shown(str(plain(row[column]))) for column in columns))
    console.print()
    console.print(table)
