"""``perfuscope dataset import``: screens that somebody sorted, or studies that readers reviewed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli import dataset_reviewed, options
from cli.dataset_layouts import known
from cli.dataset_show import patients_of, show_left_out
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from training.datasets.importing import Material


@one_sentence
def import_(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="Class folders (Normal, Ischemia, Infarction), or a folder of DICOM studies with labels.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DATASET", help="The data set's folder: new or empty.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="For DICOM: a CSV with patient_id (a folder's name) and label; default: truth.csv."
        ),
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Class folders or database hold simulated patients.")
    ] = False,
    from_database: Annotated[
        bool, typer.Option("--from-database", help="Take the studies that readers reviewed, instead of a folder.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Of the database: studies received since 2026-11-23, or 2026-11-23T08:00 (UTC).")
    ] = None,
    two_readers: Annotated[
        bool, typer.Option("--two-readers", help="Of the database: one reader who is sure is not enough.")
    ] = False,
    opted_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of the database: patient IDs to leave out, one a line, as in the studies."),
    ] = None,
    unread: Annotated[
        bool,
        typer.Option("--unread", help="Of the database: crops of trusted layouts are not read for text once more."),
    ] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Take screens and their labels into a new data set.

    Class folders hold pictures or DICOM files named <patient>_<view>, such as
    12_qps.png, 12_stress_qgs.png, "12 Rest QGS.jpg" or 12_sqgs.dcm. A folder
    of DICOM holds a folder a patient and truth.csv, as `simulate` and
    `export --deidentified` write it.

    A patient without all three views is left out and listed. Headers are not
    kept, but the screens are, names and all, until they are cropped and
    dropped. The data set is written whole or not at all.

    --from-database takes studies reviewed on the pages: all readers must name
    the same label, and be two, or one who is sure. Only the de-identified crops
    that they read are taken, and read for text once more (extra "ocr");
    patients get pseudonyms from the site's key, and one study each, the newest.
    Disagreement, quarantine and replaced revisions are left out and counted.
    """
    console = Console()
    if from_database:
        if source is not None or labels is not None:
            raise PerfuscopeError("--from-database takes neither a folder nor --labels.")
        asked = dataset_reviewed.Asked(out, since, two_readers, opted_out, unread, simulated)
        dataset_reviewed.import_(console, asked, home, config)
        return
    if source is None:
        raise PerfuscopeError("name a folder of screens, or say --from-database.")
    if since or two_readers or opted_out or unread:
        raise PerfuscopeError("--since, --two-readers, --opted-out and --unread go with --from-database.")
    from training.datasets import importing

    material = _material(source, labels, simulated=simulated, home=home, config=config)
    with counted(console, f"importing {source.name}") as progress:
        made = importing.write(material, out, command=f"dataset import {source.name}", progress=progress)
    console.print(f"{out}: {patients_of(made)}", highlight=False)
    show_left_out(console, made)
    console.print(f"Next: perfuscope dataset crop {out}", highlight=False)


def _material(
    source: Path, labels: Path | None, *, simulated: bool, home: Path | None, config: Path | None
) -> "Material":
    from training.datasets import class_folders, labelled_studies
    from training.datasets.studies import TRUTH

    if not source.is_dir():
        raise PerfuscopeError(f"{source} is no folder.")
    if labels is None and class_folders.is_source(source):
        return class_folders.material(source, made="simulated" if simulated else "clinical")
    table = labels or source / TRUTH
    if not table.is_file():
        raise PerfuscopeError(
            f"{source} has neither class folders (Normal, Ischemia, Infarction) nor {TRUTH}; "
            "name a table of labels with --labels."
        )
    found = known(home, config)
    return labelled_studies.material(source, table, layouts=found.layouts, rules=found.rules)
