"""``perfuscope layout new``: a layout file from an example screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.sentences import one_sentence
from core.errors import PerfuscopeError, Rejected
from core.types import View

if TYPE_CHECKING:
    from dicom_node.layouts import Box, Layout, Palette, Panel
    from dicom_node.layouts.starting import Example


@one_sentence
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A DICOM, PNG or JPEG file of one screen.")],
    *,
    view: Annotated[View, typer.Option("--view", metavar="VIEW", help="What it shows: qps, stress_qgs or rest_qgs.")],
    caption: Annotated[
        list[str], typer.Option("--caption", metavar="L,T,R,B", help="Box of a text that every patient's screen has.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="The new layout's name.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; it must not be there yet.")] = None,
    add_to: Annotated[
        Path | None, typer.Option("--add-to", metavar="LAYOUT", help="Add the view to this layout file instead.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--identity", metavar="L,T,R,B", help="Box of the burned-in name, ID, birth date.")
    ] = None,
    no_identity: Annotated[bool, typer.Option("--no-identity", help="These screens name nobody.")] = False,
    circle: Annotated[
        list[str] | None,
        typer.Option("--circle", metavar="NAME=X,Y,R", help="A round panel to keep, if it is not found by itself."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option("--box", metavar="NAME=L,T,R,B", help="A rectangular panel to keep.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option("--scale", metavar="L,T,R,B", help="Box of the colour scale, if another palette's.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="TEXT", help="A caption that stands inside the panels.")
    ] = None,
    rank: Annotated[int, typer.Option("--rank", help="Higher wins where two layouts know a screen.")] = 0,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Start a layout file from an example screen.

    Panels are looked for: circles or boxes outlined in one grey, with a map
    inside; lossy files need --circle or --box. In the header the equipment's
    maker, model and software are asked for. Boxes are left, top, right, bottom
    in pixels, the last two just outside.

    The file holds places, colours and the captions' shapes, and nothing of the
    patient. It is written only if it knows FILE and no copy shifted by two
    pixels. Look at what it keeps: perfuscope layout check --picture.
    """
    from dicom_node import layouts

    in_force = layouts.load_all(options.asked(home, config).layout_files)
    example = _example(file, view, caption, circle or [], box or [])
    if add_to is not None:
        if (name, out, identity, scale, allow) != (None, None, None, None, None) or no_identity or rank:
            raise PerfuscopeError("--add-to takes name, identity box, scale, allowed texts and rank from its file.")
        made, target = _added(example, add_to), add_to
    elif name is None or out is None or (identity is None) != no_identity:
        raise PerfuscopeError("a new layout needs --name, --out, and --identity or --no-identity.")
    else:
        palette, identity_box = _palette(example, scale), _box("--identity", identity) if identity else None
        made, target = _new(example, name, identity_box, palette, rank, tuple(allow or ())), out
        _write_new(target, made)
    _tell(made, target, view)
    _warn(made, in_force)


def _example(file: Path, view: View, captions: list[str], circles: list[str], boxes: list[str]) -> "Example":
    from dicom_node import screen_files
    from dicom_node.layouts import Circle, Rectangle
    from dicom_node.layouts.starting import Example

    if not file.is_file():
        raise PerfuscopeError(f"{file} is not a file.")
    panels: list[Panel] = []
    for text in circles:
        called, (x, y, radius) = _named("--circle", text, 3)
        panels.append(Circle(called, (x, y), radius))
    for text in boxes:
        called, numbers = _named("--box", text, 4)
        panels.append(Rectangle(called, _as_box(numbers)))
    try:
        screen = screen_files.read(file)
    except Rejected as rejected:
        why = f"{rejected.reason.sentence}{f' ({rejected.detail})' if rejected.detail else ''}"
        raise PerfuscopeError(f"{file} cannot be an example: {why}.") from None
    where = tuple(_box("--caption", text) for text in captions)
    return Example(screen.pixels, screen.header, view, where, tuple(panels))


def _palette(example: "Example", scale: str | None) -> "Palette":
    from dicom_node import layouts
    from dicom_node.layouts import measuring

    return measuring.palette(example.pixels, _box("--scale", scale)) if scale else layouts.shipped()[0].palette


def _new(
    example: "Example", name: str, identity: "Box | None", palette: "Palette", rank: int, allowed: tuple[str, ...]
) -> "Layout":
    from dicom_node.layouts import starting

    return starting.layout(example, name=name, identity_box=identity, palette=palette, rank=rank, allowed=allowed)


def _added(example: "Example", path: Path) -> "Layout":
    from dicom_node import layouts
    from dicom_node.layouts import starting, writing

    made = starting.extended(layouts.load(path), example)
    content = path.read_bytes().rstrip() + b"\n" + writing.view_toml(made.views[-1]).encode()
    found = layouts.parse(content, source=path.name)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    return found


def _write_new(path: Path, made: "Layout") -> None:
    from dicom_node import layouts
    from dicom_node.layouts import writing

    content = writing.toml(made).encode()
    layouts.parse(content, source=path.name)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise PerfuscopeError(f"{path} is there already; add a view to it with --add-to, or name another.") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)


def _tell(made: "Layout", path: Path, view: View) -> None:
    from dicom_node.layouts import Circle

    typer.echo(f"{path}: {made.name} version {made.version}, {made.columns} x {made.rows}, now knows {view}.")
    for panel in made.views[-1].panels:
        kind = "circle x,y,r" if isinstance(panel, Circle) else "box l,t,r,b"
        typer.echo(f"  keeps {panel.name:<14} {kind} {','.join(map(str, panel.geometry))}")
    typer.echo(f"  header asked: {', '.join(made.criteria.keywords) or 'nothing'}")
    missing = [other.value for other in View if other not in {screen.view for screen in made.views}]
    if missing:
        typer.echo(f"  still without {', '.join(missing)}: add with --add-to")


def _warn(made: "Layout", in_force: "tuple[Layout, ...]") -> None:
    """Say so if the file could not be in force beside the layouts that are."""
    from dicom_node import layouts

    try:
        layouts.check_together((*(other for other in in_force if other.name != made.name or other.shipped), made))
    except layouts.LayoutError as error:
        typer.echo(f"Before it can be in force: {error}.", err=True)


def _named(option: str, text: str, count: int) -> tuple[str, list[int]]:
    called, equals, numbers = text.partition("=")
    if not equals:
        raise PerfuscopeError(f"{option} {text!r} must be a name, an equals sign and {count} whole numbers.")
    return called, _numbers(option, numbers, count)


def _box(option: str, text: str) -> "Box":
    return _as_box(_numbers(option, text, 4))


def _as_box(numbers: list[int]) -> "Box":
    from dicom_node.layouts import Box

    left, top, right, bottom = numbers
    return Box(left, top, right, bottom)


def _numbers(option: str, text: str, count: int) -> list[int]:
    try:
        found = [int(number) for number in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise PerfuscopeError(f"{option} {text!r} must be {count} whole numbers parted by commas.")
    return found
