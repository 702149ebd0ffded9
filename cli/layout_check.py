"""``perfuscope layout check``: which layout knows a file and why, or why none does."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.padding import Padding

from cli import options, screen_files
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError, Rejected, Unavailable
from core.types import Reason, RgbImage

if TYPE_CHECKING:
    from dicom_node.layouts import Layout, Match


@dataclass(frozen=True, slots=True)
class _Checked:
    """What became of one file."""

    file: Path
    size: str
    compared: "tuple[Match, ...]" = ()
    """Every view of every layout of the image's size."""
    match: "Match | None" = None
    reason: Reason | None = None
    detail: str = ""
    picture: Path | None = None

    @property
    def refused(self) -> str:
        """Why there is no match, in words."""
        said = self.reason.sentence if self.reason else ""
        return f"{said} ({self.detail})" if self.detail else said


@one_sentence
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DICOM, PNG or JPEG files of screens.")],
    *,
    layout: Annotated[
        list[Path] | None,
        typer.Option("--layout", metavar="FILE", help="Try this layout, too; one in force of its name steps aside."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="DIR", help="Draw what is kept and what is dropped into DIR.")
    ] = None,
    with_identity: Annotated[
        bool,
        typer.Option("--with-identity", help="Show in the pictures what is dropped: they then NAME THE PATIENT."),
    ] = False,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="What to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Say which layout knows each file and why, or why none does.

    Exit code 0 only if every file is known. Asked are the layouts in force:
    the shipped ones and those of the settings; a picture file has no header,
    so of it [match] is not asked. View rules are not asked, either.

    Pictures show kept areas as they are and a pattern for the rest, unless
    --with-identity is given. They are for their owner's eyes (mode 0600) and
    are named by number and view.
    """
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise PerfuscopeError(f"{missing[0]} is not a file.")
    if with_identity and picture is None:
        raise PerfuscopeError("--with-identity is for pictures: name a folder with --picture.")
    known = _known(layout or [], home, config)
    checked = [_check(file, known, _Pictures(picture, with_identity, n)) for n, file in enumerate(files, start=1)]
    if output == "json":
        typer.echo(json.dumps([_item(one) for one in checked], indent=1))
    else:
        _print(checked, known)
    if not all(one.match for one in checked):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Where a file's picture goes, if it is wanted."""

    folder: Path | None
    with_identity: bool
    number: int

    def save(self, pixels: RgbImage, match: "Match", *, named: str) -> Path | None:
        """The picture's path, or None; only its owner can read it."""
        from PIL import Image

        from dicom_node.layouts import picture

        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{self.number:02}-{named}.png"
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        drawn = Image.fromarray(picture.draw(pixels, match, with_identity=self.with_identity))
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            drawn.save(opened, "PNG", optimize=True)
        return part.replace(path)


def _known(tried: list[Path], home: Path | None, config: Path | None) -> "tuple[Layout, ...]":
    """The layouts in force and those to try, which take the place of a site's own of their name."""
    from dicom_node import layouts

    own = [layouts.load(path) for path in options.asked(home, config).layouts]
    new = [layouts.load(path) for path in dict.fromkeys(path.resolve() for path in tried)]
    names = {one.name for one in new}
    known = (*layouts.shipped(), *(one for one in own if one.name not in names), *new)
    layouts.check_together(known)
    return known


def _check(file: Path, known: "tuple[Layout, ...]", pictures: _Pictures) -> _Checked:
    from dicom_node import layouts

    try:
        screen = screen_files.read(file)
    except Rejected as rejected:
        return _Checked(file, "", reason=rejected.reason, detail=rejected.detail)
    except Unavailable:
        raise PerfuscopeError(f"{file} cannot be read.") from None
    size = f"{screen.pixels.shape[1]} x {screen.pixels.shape[0]}"
    compared = layouts.compare(screen.pixels, known, screen.header)
    try:
        match = layouts.recognise(screen.pixels, known, screen.header)
    except Rejected as rejected:
        nearest = layouts.closest(compared) if compared else None
        drawn = pictures.save(screen.pixels, nearest, named="unknown") if nearest else None
        return _Checked(file, size, compared, None, rejected.reason, rejected.detail, drawn)
    drawn = pictures.save(screen.pixels, match, named=match.view.value)
    return _Checked(file, size, compared, match, picture=drawn)


def _item(one: _Checked) -> dict[str, Any]:
    """What became of a file, as JSON."""
    found = one.match
    return {
        "file": str(one.file),
        "size": one.size or None,
        "size_known": bool(one.compared),
        "layout": found.name if found else None,
        "version": found.version if found else None,
        "sha256": found.layout.sha256 if found else None,
        "shipped": found.layout.shipped if found else None,
        "view": found.view if found else None,
        "reason": one.reason,
        "detail": one.detail or None,
        "picture": str(one.picture) if one.picture else None,
        "compared": [_compared(match) for match in one.compared],
    }


def _compared(match: "Match") -> dict[str, Any]:
    layout, screen = match.layout, match.screen
    return {
        "layout": layout.name,
        "version": layout.version,
        "view": screen.view,
        "agrees": match.agrees,
        "rank": layout.rank,
        "header": {keyword: keyword not in match.unmet for keyword in layout.criteria.keywords},
        "outlines": {p.name: round(score, 3) for p, score in zip(screen.panels, match.ring_scores, strict=True)},
        "outline_needed": layout.ring.share,
        "captions": [
            {"box": list(c.box), "score": round(score, 3), "needed": c.agreement}
            for c, score in zip(screen.captions, match.caption_scores, strict=True)
        ],
    }


def _print(checked: list[_Checked], known: "tuple[Layout, ...]") -> None:
    console = Console()
    sizes = ", ".join(sorted({f"{layout.columns} x {layout.rows}" for layout in known}))
    for number, one in enumerate(checked, start=1):
        size = f"  [dim]{one.size}[/dim]" if one.size else ""
        console.print(f"[bold]{number}[/bold]  {shown(one.file.name)}{size}", highlight=False)
        for line in _lines(one, sizes):
            console.print(Padding(line, (0, 0, 0, 3)), highlight=False)


def _lines(one: _Checked, sizes: str) -> Iterator[str]:
    if one.match:
        origin = "shipped" if one.match.layout.shipped else "this site's"
        said = f"{shown(one.match.name)} version {one.match.version} ({origin})"
        yield f"[green]known[/green] as {one.match.view.caption} of {said}"
        yield from (f"[dim]{line}[/dim]" for line in _why(one.match, one.compared))
    else:
        yield f"[red]not known[/red]: {shown(one.refused)}"
        if one.reason is Reason.WRONG_SIZE:
            yield f"[dim]sizes of the layouts asked: {sizes}[/dim]"
        for match in one.compared:
            yield f"[dim]{shown(match.name)}, {match.view.caption}: {'; '.join(_lacks(match)) or 'agrees'}[/dim]"
    if one.picture:
        yield f"picture {shown(str(one.picture))}"


def _why(match: "Match", compared: "tuple[Match, ...]") -> Iterator[str]:
    layout = match.layout
    panels = zip(match.screen.panels, match.ring_scores, strict=True)
    scores = ", ".join(f"{panel.name} {score:.2f}" for panel, score in panels)
    captions = zip(match.caption_scores, match.screen.captions, strict=True)
    yield f"outlines: {scores} ({layout.ring.share:.2f} needed)"
    yield f"captions: {', '.join(f'{score:.2f} ({caption.agreement:.2f} needed)' for score, caption in captions)}"
    yield f"header: {', '.join(layout.criteria.keywords) or 'nothing'} asked"
    others = [other for other in compared if other.agrees and other.layout is not layout]
    for other in others:
        yield f"{shown(other.name)} agrees too, but {_order(layout)} goes before {_order(other.layout)}"


def _order(layout: "Layout") -> str:
    return f"rank {layout.rank} with {len(layout.criteria)} header keys"


def _lacks(match: "Match") -> Iterator[str]:
    """What does not fit, with how well it fits and how well it should."""
    needed = match.layout.ring.share
    for keyword in match.unmet:
        yield f"header: {keyword} is another"
    for panel, score in zip(match.screen.panels, match.ring_scores, strict=True):
        if score < needed:
            yield f"outline of {panel.name} {score:.2f} ({needed:.2f} needed)"
    for number, (caption, score) in enumerate(zip(match.screen.captions, match.caption_scores, strict=True), start=1):
        if score < caption.agreement:
            yield f"caption {number} {score:.2f} ({caption.agreement:.2f} needed)"
