"""``perfuscope simulate``: DICOM studies of invented patients, as a PACS would send them, and truth.csv."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.sentences import counted, one_sentence

if TYPE_CHECKING:
    from core.types import Label


class LabelClass(StrEnum):
    """What the simulated patients have."""

    NORMAL = "normal"
    ISCHEMIA = "ischemia"
    INFARCTION = "infarction"
    MIXED = "mixed"

    @property
    def label(self) -> "Label | None":
        """The label to ask for, None where each patient has its own."""
        from core.types import Label

        return None if self is LabelClass.MIXED else Label(self.value)


class Layout(StrEnum):
    """The pages that can be drawn; what draws them is loaded later."""

    COLUMNS = "qps-qgs-1280"
    STRIPS = "strips-1024"


@one_sentence
def simulate(
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The folder to write; new, empty, or an earlier output of the same seed."),
    ],
    *,
    patients: Annotated[int, typer.Option("--patients", metavar="N", min=1, max=1_000_000, help="How many patients.")],
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="Names the cohort: the same seed gives the same files.")
    ] = 1,
    label_class: Annotated[
        LabelClass,
        typer.Option("--class", help="What the patients have; mixed: equal thirds of each.", case_sensitive=False),
    ] = LabelClass.MIXED,
    layout: Annotated[
        Layout, typer.Option("--layout", help="Whose pages the screens show: the name of a shipped layout.")
    ] = Layout.COLUMNS,
    rle: Annotated[bool, typer.Option("--rle", help="Write the screens as RLE Lossless, a third of the size.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Write the screens as PNG beside the DICOM files, too.")] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", min=1, help="How many processes; as many as there are cores unless given."
        ),
    ] = os.cpu_count() or 1,
) -> None:
    """Simulate a cohort of myocardial perfusion studies and write it as DICOM.

    Each patient gets a folder OUT/<patient id> with the screens QPS, Stress
    QGS and Rest QGS as Secondary Captures and the raw tomography beside them;
    OUT/truth.csv says what was simulated. The patients are invented; patient
    k is the same in a cohort of any size. A patient takes 12 MB, 4 with --rle.

    Research use only, not for diagnosis.
    """
    from rich.console import Console

    from training.phantom.cohort import refuse_foreign_content, write_cohort

    refuse_foreign_content(out, patients=patients, seed=seed)
    with counted(Console(stderr=True), "Simulating") as tell:
        truth = write_cohort(
            out,
            patients=patients,
            seed=seed,
            label=label_class.label,
            layout=layout.value,
            rle=rle,
            png=png,
            progress=lambda done: tell(done, patients),
            workers=min(workers, max(1, patients // 8)),
        )
    typer.echo(
        f"{patients} simulated {'patient' if patients == 1 else 'patients'} in {out}, what they have in {truth}."
    )
