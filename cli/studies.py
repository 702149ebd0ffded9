"""``perfuscope studies``: what was received, and what became of each object."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.results import show as show_results
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

studies_app = typer.Typer(help="Studies: what was received and what became of it.", no_args_is_help=True)


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

    sessions = options.sessions(options.settings(home, config))
    with sessions.read() as session:
        found = results.items(session, results.Wanted(limit=limit))
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
    else:
        show_results(found)


@studies_app.command("show")
@one_sentence
def show(
    study: Annotated[str, typer.Argument(help="The study's key or its beginning, or its Study Instance UID.")],
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Show one study: its objects, revisions and deliveries."""
    sessions = options.sessions(options.settings(home, config))
    with sessions.read() as session:
        found = _detail(session, _one(session, study))
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console()
    console.print(f"[bold]Study[/] {found['study_id']}   received {found['received_at'][:19]} UTC", highlight=False)
    show_results([found])
    _table(console, "Objects", found["objects"], ("kind", "description", "view", "state", "reason"))
    _table(console, "Revisions", found["revisions"], ("revision", "outcome", "label", "reason", "superseded"))
    _table(console, "Reports", found["reports"], ("kind", "destination", "state"))


def _one(session: "Session", text: str) -> UUID:
    from db import results

    found = results.find(session, text)
    if not found:
        raise PerfuscopeError("no such study; see: perfuscope studies list")
    if len(found) > 1:
        msg = f"{len(found)} studies begin so; give more of the key"
        raise PerfuscopeError(msg)
    return found[0]


def _detail(session: "Session", study_id: UUID) -> dict[str, Any]:
    from db import cases, results, studies

    item = results.items(session, results.Wanted(study_id=study_id))[0]
    item["objects"] = [
        {
            "kind": instance.modality,
            "description": instance.series_description,
            "view": instance.view.value if instance.view else None,
            "state": instance.state.value,
            "reason": instance.reason.sentence if instance.reason else None,
            "sop_instance_uid": instance.sop_instance_uid,
        }
        for instance in studies.current_instances(session, study_id)
    ]
    item["revisions"] = [
        {
            "revision": case.revision,
            "stage": case.stage.value,
            "outcome": case.outcome.value if case.outcome else None,
            "label": case.label.value if case.label else None,
            "reason": case.reason.sentence + (f" ({case.detail})" if case.detail else "") if case.reason else None,
            "superseded": case.superseded_at.isoformat() if case.superseded_at else None,
        }
        for case in cases.revisions(session, study_id)
    ]
    return item


def _table(console: Console, title: str, rows: list[dict[str, Any]], columns: Iterable[str]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in columns:
        table.add_column(column.capitalize(), overflow="fold")
    for row in rows:
        table.add_row(*("-" if row[column] is None else shown(str(row[column])) for column in columns))
    console.print()
    console.print(table)
