"""``perfuscope layout add|remove``: layouts in force without a line in the settings, as those drawn on the pages."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.operator import actor
from cli.sentences import one_sentence
from core.errors import PerfuscopeError, Unavailable


@one_sentence
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A layout file, as `layout new` writes it.")],
    *,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Put a layout in force: its file is copied to `layouts` in the home folder, where those drawn on the pages are.

    It begins on probation, and every screen that waits in quarantine because no
    layout knew it, or its size, is prepared again. Edge workers that run find
    it by themselves. A layout of that name there is replaced, if its version
    is lower; one that is suspended must be resumed or removed first.
    """
    from dicom_node import layout_decisions, layouts
    from dicom_node.layout_folder import LayoutFolder

    if not file.is_file():
        raise PerfuscopeError(f"{file} is not a file.")
    content = file.read_bytes()
    found = layouts.parse(content, source=file.name)
    settings = options.installed(home, config)
    folder, sessions = LayoutFolder.of(settings), options.sessions(settings)
    before = folder.content(found.name)
    folder.check(found)
    with sessions.write() as session:
        if before is not None and before != content:
            layout_decisions.check_replaced(session, layouts.parse(before, source=file.name), by=found)
        again = layout_decisions.drawn(session, found, subject=None, actor=actor(), now=sessions.now(session))
        try:
            folder.put(found, content, before=before)
        except Unavailable:
            raise PerfuscopeError(f"{found.name} was changed by somebody else just now; try again") from None
    typer.echo(f"{found.name} version {found.version} is in force; {_screens(again)} prepared again.")


@one_sentence
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A layout drawn on the pages, or added.")],
    *,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Take a layout out of force: its file in `layouts` of the home folder is deleted.

    Its screens go to quarantine from now on. What was kept by it stays, with the results made of it. A layout that
    the settings name is taken out there; a shipped one stays.
    """
    from dicom_node import layout_decisions, layouts
    from dicom_node.layout_folder import LayoutFolder

    settings = options.installed(home, config)
    folder, sessions = LayoutFolder.of(settings), options.sessions(settings)
    known = {path.stem: path for path in settings.drawn_layouts.glob("*.toml")}
    if name not in known:
        msg = f"no layout {name!r} was drawn or added here; there are: {', '.join(sorted(known)) or 'none'}"
        raise PerfuscopeError(msg)
    layout = layouts.load(known[name])
    with sessions.write() as session:
        again = layout_decisions.removed(session, layout, actor=actor(), now=sessions.now(session))
        folder.remove(name)
    typer.echo(f"{name} is in force no longer; {_screens(again)} prepared again.")


def _screens(number: int) -> str:
    return "1 screen is" if number == 1 else f"{number} screens are"
