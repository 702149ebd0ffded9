"""``perfuscope audit``: who did what, to which study."""

import json
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.results import note_view, parse_time
from cli.sentences import one_sentence, shown
from cli.studies import one_study
from core import csv_text

audit_app = typer.Typer(
    help="The audit trail: who did what, to which study. Rows are only ever added.", no_args_is_help=True
)

_COLUMNS = ("at", "actor", "action", "study_id", "detail")


@audit_app.command("list")
@one_sentence
def list_events(
    study: Annotated[
        str | None, typer.Option(help="Only one study: its key or its beginning, or its Study Instance UID.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only since: 2026-11-23, or 2026-11-23T08:00 (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 200,
    output: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List audit events, newest first. Studies and objects stand there by our own keys.

    That you looked is an event, too: the next list has it.
    """
    from db import audit

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        study_id = one_study(session, study) if study else None
        rows = audit.listed(session, study_id=study_id, since=parse_time(since), limit=limit)
        found = [
            {
                "at": row.at.isoformat(timespec="seconds"),
                "actor": row.actor,
                "action": row.action.value,
                "study_id": str(row.study_id) if row.study_id else None,
                "subject": str(row.subject) if row.subject else None,
                "detail": row.detail or None,
            }
            for row in rows
        ]
    note_view(sessions, "audit list")
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
    elif output == "csv":
        header = (*_COLUMNS[:4], "subject", "detail")
        for line in csv_text.lines(header, ([item[column] for column in header] for item in found)):
            typer.echo(line, nl=False)
    else:
        _show(found)


def _show(found: list[dict[str, Any]]) -> None:
    console = Console()
    if not found:
        console.print("No such events.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("At (UTC)", "Who", "Action", "Study", "Detail"):
        table.add_column(column, no_wrap=column != "Detail", overflow="fold")
    for item in found:
        cells = (item["at"][:19].replace("T", " "), item["actor"], item["action"], (item["study_id"] or "-")[:8])
        table.add_row(*map(shown, cells), shown(item["detail"] or "-"))
    console.print(table)
