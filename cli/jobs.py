"""``perfuscope jobs``: the work that waits, runs or was given up."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.sentences import one_sentence, shown
from core import delivery_codes
from core.errors import PerfuscopeError, SettingsError
from core.jobs import JobState
from core.types import AuditAction

jobs_app = typer.Typer(help="Jobs: what waits, what runs, what was given up.", no_args_is_help=True)

_OPEN = (JobState.WAITING, JobState.RUNNING, JobState.DEAD)


@jobs_app.command("list")
@one_sentence
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state. (default: all but done)")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 200,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List jobs, newest first."""
    from db import jobs

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        rows = jobs.listed(session, states=(state,) if state else _OPEN, limit=limit)
    found = [
        {
            "job_id": str(job.id),
            "stage": job.stage.value,
            "state": job.state.value,
            "destination": job.destination or None,
            "attempts": job.attempts,
            "due_at": job.due_at.isoformat(),
            "error": job.error,
            "reason": delivery_codes.sentence(job.error),
        }
        for job in rows
    ]
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
        return
    _show(found)


def _show(found: Sequence[Mapping[str, object]]) -> None:
    console = Console()
    if not found:
        console.print("No such jobs.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("job_id", "stage", "state", "attempts", "destination", "reason")
    for column in columns:
        table.add_column(column.replace("_", " ").capitalize(), no_wrap=column == "job_id")
    for item in found:
        cells = (str(item["job_id"])[:8], *(item[column] for column in columns[1:]))
        table.add_row(*("-" if value is None else shown(str(value)) for value in cells))
    console.print(table)


@jobs_app.command("retry")
@one_sentence
def retry(
    job: Annotated[str | None, typer.Argument(help="The job's id or its beginning.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every job that was given up.")] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Have jobs that were given up tried again, with all their attempts. A running node rings for them."""
    from db import audit, jobs

    if (job is None) == (not every):
        raise SettingsError("name a job, or say --all")
    sessions = options.sessions(options.installed(home, config))
    with sessions.write() as session:
        dead = [row.id for row in jobs.listed(session, states=(JobState.DEAD,), limit=100_000)]
        chosen = dead if every else _matching(dead, job or "")
        now = sessions.now(session)
        bells = [jobs.revive(session, job_id, now=now) for job_id in chosen]
        for job_id in chosen:
            audit.record(session, AuditAction.REQUEUE, actor=actor(), now=now, subject=job_id, detail="jobs retry")
    typer.echo(f"{sum(bell is not None for bell in bells)} of {len(dead)} given-up jobs will be tried again.")


def _matching(dead: list[UUID], text: str) -> list[UUID]:
    chosen = [job_id for job_id in dead if job_id.hex.startswith(text.replace("-", "").casefold())]
    if len(chosen) != 1:
        raise PerfuscopeError(
            "no given-up job begins so" if not chosen else "several jobs begin so; give more of the id"
        )
    return chosen
