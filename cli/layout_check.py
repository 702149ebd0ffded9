"""``perfuscope layout check``: which layout knows a file and why, or why none does."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import options
from cli.layout_answers import Checked, as_json, show
from cli.sentences import one_sentence
from core.errors import PerfuscopeError, Rejected, Unavailable

if TYPE_CHECKING:
    from core.pixels import RgbImage
    from dicom_node.layouts import Layout, Match


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
    the shipped ones and those of the settings. A picture file has no header
    that could be asked. Rules that name views by the header are left aside.

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
        typer.echo(json.dumps([as_json(one) for one in checked], indent=1))
    else:
        show(checked, known)
    if not all(one.match for one in checked):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Where a file's picture goes, if it is wanted."""

    folder: Path | None
    with_identity: bool
    number: int

    def save(self, pixels: "RgbImage", match: "Match", *, known: bool) -> Path | None:
        """The picture's path, or None; only its owner can read it."""
        from PIL import Image

        from dicom_node.layouts import picture

        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{self.number:02}-{match.view.value if known else 'unknown'}.png"
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        drawn = Image.fromarray(picture.draw(pixels, match, known=known, with_identity=self.with_identity))
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            drawn.save(opened, "PNG")
        return part.replace(path)


def _known(tried: list[Path], home: Path | None, config: Path | None) -> "tuple[Layout, ...]":
    """The layouts in force and those to try, which take the place of a site's own of their name."""
    from dicom_node import layouts

    own = [layouts.load(path) for path in options.asked(home, config).layout_files]
    new = [layouts.load(path) for path in dict.fromkeys(path.resolve() for path in tried)]
    names = {one.name for one in new}
    known = (*layouts.shipped(), *(one for one in own if one.name not in names), *new)
    layouts.check_together(known)
    return known


def _check(file: Path, known: "tuple[Layout, ...]", pictures: _Pictures) -> Checked:
    from dicom_node import layouts, screen_files

    try:
        screen = screen_files.read(file)
    except Rejected as rejected:
        return Checked(file, "", reason=rejected.reason, detail=rejected.detail)
    except Unavailable:
        raise PerfuscopeError(f"{file} cannot be read.") from None
    size = f"{screen.pixels.shape[1]} x {screen.pixels.shape[0]}"
    compared = layouts.compare(screen.pixels, known, screen.header)
    has_header = screen.header is not None
    try:
        match = layouts.recognise(screen.pixels, known, screen.header)
    except Rejected as rejected:
        nearest = layouts.closest(compared) if compared else None
        drawn = pictures.save(screen.pixels, nearest, known=False) if nearest else None
        return Checked(file, size, compared, None, rejected.reason, rejected.detail, drawn, has_header)
    drawn = pictures.save(screen.pixels, match, known=True)
    return Checked(file, size, compared, match, picture=drawn, with_header=has_header)
