"""``perfuscope layout list|trust|resume``: which layouts may be used, and an administrator's word on it."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError
from core.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.tables import LayoutState
    from dicom_node.layouts import Layout

Name = Annotated[str, typer.Argument(metavar="NAME", help="A layout's name, as the list prints it.")]


@one_sentence
def list_layouts(
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List the layouts in force: trusted, on probation, or suspended, and how many screens wait for a decision."""
    from db import layout_states
    from dicom_node import layout_decisions, layouts, textcheck

    settings = options.installed(home, config)
    sessions = options.sessions(settings)
    known = layouts.load_all(settings.layout_files)
    with sessions.read() as session:
        states = layout_states.states(session)
        found = [_facts(session, layout, states.get(layout.sha256)) for layout in known]
        waiting = {reason.value: n for reason, n in layout_decisions.waiting(session).items()}
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found, waiting, settings, reads=textcheck.installed())


def _facts(session: "Session", layout: "Layout", state: "LayoutState | None") -> dict[str, Any]:
    from db import layout_states
    from dicom_node import layout_decisions

    suspended = state.suspended_at if state else None
    return {
        "name": layout.name,
        "version": layout.version,
        "columns": layout.columns,
        "rows": layout.rows,
        "views": [view.view.value for view in layout.views],
        "shipped": layout.shipped,
        "standing": layout_states.standing(session, layout_decisions.key(layout)).value,
        "passed": state.passed if state else 0,
        "suspended_at": suspended.isoformat() if suspended else None,
        "suspended_by": str(state.suspended_by) if state and state.suspended_by else None,
        "sha256": layout.sha256,
    }


def _show(found: list[dict[str, Any]], waiting: dict[str, int], settings: Settings, *, reads: bool) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Layout", "Version", "Size", "Standing", "Views"):
        table.add_column(name, no_wrap=name == "Size", overflow="fold")
    for item in found:
        size = f"{item['columns']} x {item['rows']}"
        table.add_row(shown(item["name"]), str(item["version"]), size, _standing(item), ", ".join(item["views"]))
    console.print(table)
    console.print(
        f"\nText is looked for: {settings.checks.text}; identities are compared: {settings.checks.identity}; "
        f"{'RapidOCR is installed' if reads else 'nothing here can read text (the extra ocr is not installed)'}."
    )
    if suspended := waiting.get("layout_suspended"):
        console.print(
            f"{suspended} screens wait for a suspended layout: look at why, then perfuscope layout resume NAME."
        )
    if unread := waiting.get("not_checked_for_text"):
        console.print(f'{unread} screens wait to be read: install the extra "ocr", or perfuscope layout trust NAME.')


def _standing(item: dict[str, Any]) -> str:
    from db.layout_states import PROBATION_IMAGES, Standing

    if item["standing"] == Standing.SUSPENDED:
        return f"suspended {item['suspended_at'][:16].replace('T', ' ')} UTC by object {str(item['suspended_by'])[:8]}"
    if item["standing"] == Standing.PROBATION:
        return f"probation, {item['passed']} of {PROBATION_IMAGES} passed"
    return "trusted (shipped)" if item["shipped"] else "trusted"


@one_sentence
def resume(name: Name, home: options.Home = None, config: options.Config = None) -> None:
    """Use a suspended layout's screens again; it begins its probation anew.

    Look first at what suspended it: perfuscope quarantine list names the object, quarantine show draws it. What is kept
    of such a screen is mended in the layout's file, not here; a shipped layout is on probation from then on, too.
    """
    from dicom_node import layout_decisions

    n = _decide(layout_decisions.resume, name, options.installed(home, config))
    typer.echo(f"{name} is in use again; {n} screens that waited for it are prepared again.")


@one_sentence
def trust(name: Name, home: options.Home = None, config: options.Config = None) -> None:
    """End a layout's probation by your word: its screens are read for text no longer, unless the settings say always.

    Look first at what it keeps: perfuscope layout check FILE --picture DIR.
    """
    from dicom_node import layout_decisions

    n = _decide(layout_decisions.trust, name, options.installed(home, config))
    typer.echo(f"{name} is trusted; {n} screens that waited for it are prepared again.")


def _decide(decision: "Callable[..., int]", name: str, settings: Settings) -> int:
    from dicom_node import layouts

    known = {layout.name: layout for layout in layouts.load_all(settings.layout_files)}
    if name not in known:
        msg = f"there is no layout {name!r}; known are: {', '.join(known)}"
        raise PerfuscopeError(msg)
    sessions = options.sessions(settings)
    with sessions.write() as session:
        now: datetime = sessions.now(session)
        return decision(session, known[name], actor=actor(), now=now)
