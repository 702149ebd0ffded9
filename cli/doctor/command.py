"""The command: runs the checks one after another, a line each, and ends with what to do."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.sentences import one_sentence, shown
from core import log
from core.errors import PerfuscopeError, SettingsError
from core.finding import Finding, Level, fail, not_run, ok
from core.settings import Settings

if TYPE_CHECKING:
    from db.session import Sessions

_MARKS = {
    Level.OK: "[green]ok[/]",
    Level.WARN: "[yellow]warn[/]",
    Level.FAIL: "[red]FAIL[/]",
    Level.NOT_RUN: "[dim]--[/]",
}
_WIDEST = 16


@one_sentence
def doctor(
    peer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only try this peer as a destination: C-ECHO, a test object that says so, storage commitment of it.",
        ),
    ] = None,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Check everything, a line each, and say what to do. Run it on the node's machine.

    Pushes one invented study through the whole path; its report is sent nowhere, and it is deleted again.
    Exit code 0 if nothing failed, 1 if something did.
    """
    log.configure("ERROR")
    console = Console()
    found: list[Finding] = []
    for finding in _findings(home, config, peer):
        found.append(finding)
        if output == "table":
            _print(console, finding)
    if output == "json":
        rows = [{"check": f.check, "level": f.level.value, "said": f.said, "todo": f.todo or None} for f in found]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _conclude(console, found)
    if any(f.level is Level.FAIL for f in found):
        raise typer.Exit(1)


def _findings(home: options.Home, config: options.Config, only_peer: str | None) -> Iterator[Finding]:
    try:
        settings = options.asked(home, config)
    except SettingsError as error:
        yield fail("settings", str(error), "Mend that first; nothing else was looked at.")
        return
    if only_peer is not None:
        yield from _destination(settings, only_peer)
        return
    yield ok("settings", "no mistake in file and environment")
    yield from _checks(settings)


def _checks(settings: Settings) -> Iterator[Finding]:
    from cli.doctor import checks, pages, reading

    if not settings.home.is_dir():
        yield fail("home", f"{settings.home} is not there", "Run doctor on the node's machine, as the node's user.")
        return
    yield checks.home(settings)
    yield checks.disk(settings)
    yield checks.screens(settings)
    yield checks.broker(settings)
    sessions: Sessions | None = None
    try:
        sessions = options.sessions(settings)
    except PerfuscopeError as error:
        yield fail("database", str(error), "Run: perfuscope db upgrade, or start the database.")
    if sessions is not None:
        yield from checks.database(sessions)
        yield checks.model(settings, sessions)
        yield reading.layouts(settings, sessions)
        yield from checks.work(sessions)
        yield pages.users(settings, sessions)
    yield from _services(settings, sessions)
    if sessions is not None:
        sessions.engine.dispose()


def _services(settings: Settings, sessions: "Sessions | None") -> Iterator[Finding]:
    from cli.doctor import pages, path

    yield from pages.served(settings)
    node = path.node(settings)
    yield node
    yield from _peers(settings)
    if node.level is Level.FAIL or sessions is None:
        yield not_run("whole path", "not run: the node or the database is not there")
    else:
        yield path.whole_path(settings, sessions)


def _peers(settings: Settings) -> Iterator[Finding]:
    from dicom_node import peer_check

    for peer in settings.peers:
        if peer.may_receive:
            yield peer_check.echo(settings, peer)


def _destination(settings: Settings, name: str) -> Iterator[Finding]:
    from dicom_node import peer_check

    asked = settings.peer_named(name)
    if asked is None:
        msg = f"there is no peer {name!r}; there are: {', '.join(p.name for p in settings.peers) or 'none'}"
        raise SettingsError(msg)
    sessions: Sessions | None = None
    if asked.commitment:
        try:
            sessions = options.sessions(settings)
        except PerfuscopeError as error:
            yield fail("database", str(error), "Run: perfuscope db upgrade, or start the database.")
    yield from peer_check.peer(settings, sessions, asked)
    if sessions is not None:
        sessions.engine.dispose()


def _print(console: Console, finding: Finding) -> None:
    line = Table.grid(padding=(0, 2))
    for width in (4, _WIDEST):
        line.add_column(width=width, no_wrap=True, overflow="ellipsis")
    line.add_column(overflow="fold")
    line.add_row(_MARKS[finding.level], shown(finding.check), shown(finding.said))
    console.print(line)


def _conclude(console: Console, found: list[Finding]) -> None:
    todo = [f for f in found if f.todo]
    console.print()
    if not todo:
        console.print("Nothing to do.")
        return
    console.print("What to do:")
    table = Table.grid(padding=(0, 2))
    table.add_column(width=4)
    table.add_column(width=_WIDEST, no_wrap=True, overflow="ellipsis")
    table.add_column(overflow="fold")
    for finding in todo:
        table.add_row("", shown(finding.check), shown(finding.todo))
    console.print(table)
