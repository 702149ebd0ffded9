"""``perfuscope results``: what the model said, study by study."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from cli import options
from cli.operator import actor
from cli.revealing import as_json_array
from cli.sentences import one_sentence, shown
from core import DISCLAIMER
from core.errors import SettingsError
from core.phi import Phi
from core.types import LABELS, AuditAction, Label, State

if TYPE_CHECKING:
    from db.session import Sessions
    from db.worklist import Filter

_STATE_STYLE = {"accepted": "green", "needs_review": "yellow", "no_result": "dim", "quarantined": "red"}


@one_sentence
def results(
    label: Annotated[list[Label] | None, typer.Option(help="Only studies with this label; may be repeated.")] = None,
    state: Annotated[list[State] | None, typer.Option(help="Only studies in this state; may be repeated.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only studies received since: 2026-11-23, or 2026-11-23T08:00 (UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only studies received before; as --since.")] = None,
    sender: Annotated[str | None, typer.Option(help="Only studies that came from this AE title first.")] = None,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only studies of which a delivery was given up.")
    ] = False,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Ask for the beginning of a name, patient ID or accession number; a command line would show it.",
        ),
    ] = False,
    sort: Annotated[
        Literal["newest", "oldest", "completed"],
        typer.Option(help="By the time received, or the time completed (newest first; those not done are left out)."),
    ] = "newest",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, from the first on.")] = None,
    output: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List results, newest first. The output names patients: mind where it goes.

    JSON and CSV are written study by study, so a list may be as long as it likes.
    """
    from db.worklist import Filter, Sort

    wanted = Filter.of(
        states=state or (),
        labels=label or (),
        since=parse_time(since),
        until=parse_time(until, option="--until"),
        sender=sender,
        undelivered=undelivered,
        text=_asked_for() if search else None,
        sort=Sort(sort),
    )
    sessions = options.sessions(options.installed(home, config))
    note_view(sessions, f"results {wanted.summary}"[:255])
    _print(sessions, wanted, limit=limit, output=output)


def _asked_for() -> Phi:
    """What to search for, asked on stderr or read from a pipe; SettingsError for what would find everybody."""
    from db import search

    typer.echo("Beginning of name, patient ID or accession number: ", nl=False, err=True)
    text = sys.stdin.readline().strip()  # a prompt of typer's puts a space before what is written to stdout
    if not search.beginning(text):
        raise SettingsError(f"--search: {search.SAYS_NOTHING}")
    return Phi(text)


def _print(sessions: "Sessions", wanted: "Filter", *, limit: int | None, output: str) -> None:
    from core import csv_text
    from db import results as queries
    from db import worklist, worklist_table

    if output == "csv":
        found: Iterator[worklist.Row] = worklist.every(sessions, wanted, limit=limit)
        sys.stdout.writelines(csv_text.lines(worklist_table.COLUMNS, map(worklist_table.cells, found)))
        return
    items = queries.every(sessions, wanted, limit=limit)
    if output == "json":
        sys.stdout.writelines(as_json_array(items))
    else:
        show(list(items), none=_NONE if wanted == worklist.Filter() else "No study fits what was asked for.")


def parse_time(text: str | None, *, option: str = "--since") -> datetime | None:
    """The time that an option names, in UTC where it names no zone; SettingsError for what is none."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{option} {text}: not a date or time; write 2026-11-23 or 2026-11-23T08:00"
        raise SettingsError(msg) from None


def note_view(sessions: "Sessions", detail: str, *, study_id: UUID | None = None) -> None:
    """Write down, before it is shown, that somebody looks at what names patients."""
    from db import audit

    with sessions.write() as session:
        now = sessions.now(session)
        audit.record(session, AuditAction.VIEW, actor=actor(), now=now, study_id=study_id, detail=detail)


_NONE = "No studies yet. Push one, or try: perfuscope demo"


def show(found: list[dict[str, Any]], *, none: str = _NONE) -> None:
    """A table that fits 80 columns: where it is narrow, the patient's ID gives way, and nothing else."""
    console = Console()
    if not found:
        console.print(none)
        return
    names = ("Study", "Patient ID", "State", "Label", *(f"{name.value[:4].capitalize()}." for name in LABELS), "Report")
    rows = [_row(item) for item in found]
    widths = [max(Text.from_markup(cell).cell_len for cell in column) for column in zip(names, *rows, strict=True)]
    left = console.width - sum(widths) + widths[1] - 2 * (len(names) - 1)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        widest = max(min(18, left), 4) if name == "Patient ID" else None
        justify: JustifyMethod = "right" if name.endswith(".") else "left"
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=widest, justify=justify)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    _notes(console, found)
    console.print(DISCLAIMER, style="dim")


def _row(item: dict[str, Any]) -> list[str]:
    style = _STATE_STYLE.get(item["state"], "cyan")
    probabilities = item["probabilities"] or {}
    return [
        item["study_id"][:8],
        shown(item["patient_id"].reveal()),
        f"[{style}]{item['state']}[/]",
        item["label"] or "-",
        *(f"{probabilities[name.value]:.2f}" if probabilities else "-" for name in LABELS),
        _delivery(item),
    ]


def _delivery(item: dict[str, Any]) -> str:
    """The worst of its deliveries, as ``v_results`` says it; ``studies show`` has each."""
    from db.reports import how_they_stand

    return next(iter(how_they_stand({report["state"] for report in item["reports"]})), "-")


def _notes(console: Console, found: list[dict[str, Any]]) -> None:
    for item in found:
        if item["reason"]:
            console.print(f"{item['study_id'][:8]}: {item['state']}: {item['reason']}", style="dim", highlight=False)
        if item["reviews"]:
            console.print(f"{item['study_id'][:8]}: {_readers(item)}", style="dim", highlight=False)


def _readers(item: dict[str, Any]) -> str:
    """What readers say of it; each with time is in ``studies show``."""
    how = {"agreed": "agrees with the model", "differs": "not what the model says", "disputed": "readers disagree"}
    said = ", ".join(f"{shown(one['reader'])} says {one['label']}" for one in item["reviews"])
    return f"{said} ({how[item['standing']]})"
