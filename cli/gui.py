"""``perfuscope gui``: a window that classifies screens in files and shows where the model looked."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.sentences import one_sentence


@one_sentence
def gui(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Up to three DICOM, PNG or JPEG files of one study, or its folder."),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(help="An artifact's folder or name, or a .keras or .h5 file; default: the shipped artifact."),
    ] = None,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Open a window that classifies screens and shows where the model looked (Grad-CAM). Nothing is stored.

    Needs Tk (Debian, Ubuntu: python3-tk) and a display; a Keras file needs the training extra.
    Layouts and view rules are those of the settings.
    """
    from training.answers import Known
    from training.gui import start

    start.run(files or (), model=model, known=Known.of(options.asked(home, config)))
