"""``perfuscope purge``: delete by retention what is done."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from dicom_node.purging import Purged, Purging


@one_sentence
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: for a timer.")] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Delete what the retention settings call old enough. Only what is done goes; it does not come back.

    objects_days takes received objects and report files, and keeps results; studies_days takes whole studies.
    Studies with open or given-up work, or with objects in quarantine that nobody decided on, stay.
    """
    console = Console()
    purging = _purging(home, config)
    planned = purging.objects(dry_run=True), purging.whole_studies(dry_run=True), purging.unclaimed(dry_run=True)
    _show(console, *planned)
    if not planned[0].studies + planned[1].studies + planned[2]:
        console.print("Nothing to delete.")
        return
    if dry_run:
        console.print("Nothing was deleted (--dry-run).")
        return
    _confirm(yes=yes)
    with counted(console, "Deleting") as progress:
        whole = purging.whole_studies(dry_run=False, progress=lambda n: progress(n, planned[1].studies))
        objects = purging.objects(dry_run=False, progress=lambda n: progress(n, planned[0].studies))
        files = purging.unclaimed(dry_run=False)
    console.print("Deleted:")
    _show(console, objects, whole, files)


def _purging(home: options.Home, config: options.Config) -> "Purging":
    from dicom_node.inbox import Inbox
    from dicom_node.purging import Purging

    found = options.settings(home, config)
    if found.retention.objects_days is None and found.retention.studies_days is None:
        raise PerfuscopeError("nothing may be deleted: set objects_days or studies_days under [retention]")
    return Purging(options.sessions(found), Inbox(found.store), found.retention, actor())


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise PerfuscopeError("nothing was deleted: say --yes where nobody can be asked")
    if not typer.confirm("Delete it for good?"):
        raise PerfuscopeError("nothing was deleted")


def _show(console: Console, objects: "Purged", whole: "Purged", unclaimed: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("What", "Studies", "Files", "MB", "Kept: not done"):
        table.add_column(column, justify="left" if column == "What" else "right")
    for name, found in (("received objects and reports", objects), ("whole studies", whole)):
        numbers = (found.studies, found.files, f"{found.size / 1e6:.1f}", found.unfinished)
        table.add_row(name, *map(str, numbers))
    table.add_row("files that no row names", "", str(unclaimed), "", "")
    console.print(table)
