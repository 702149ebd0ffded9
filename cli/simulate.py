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
    HOT = "qps-qgs-1280-hot"
    STRIPS = "strips-1024"
    RAINBOW = "strips-1024-rainbow"


class PopulationName(StrEnum):
    """Whose patients they are; the knobs are loaded later."""

    DEFAULT = "default"
    ELSEWHERE = "elsewhere"
    CLEAR = "clear"


class Cohort(StrEnum):
    """How many patients of each label."""

    MIXED = "mixed"
    ORIGINAL = "original"


@one_sentence
def simulate(
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The folder to write; new, empty, or an earlier output of the same seed."),
    ],
    *,
    patients: Annotated[
        int | None,
        typer.Option(
            "--patients", metavar="N", min=1, max=1_000_000, help="How many patients; not with --cohort original."
        ),
    ] = None,
    cohort: Annotated[
        Cohort,
        typer.Option(
            "--cohort", help="original: 63 normal, 20 ischemia and 4 infarction patients in random order, as published."
        ),
    ] = Cohort.MIXED,
    population: Annotated[
        PopulationName,
        typer.Option(
            "--population",
            help="default: calibrated, hard; elsewhere: another hospital's patients and camera, to pretrain on; "
            "clear: clear-cut disease and good images.",
        ),
    ] = PopulationName.DEFAULT,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="Names the cohort: the same seed gives the same files.")
    ] = 1,
    label_class: Annotated[
        LabelClass,
        typer.Option("--class", help="What the patients have; mixed: equal thirds of each.", case_sensitive=False),
    ] = LabelClass.MIXED,
    layout: Annotated[
        Layout | None,
        typer.Option(
            "--layout", help="Whose pages the screens show: the name of a shipped layout; else the population's."
        ),
    ] = None,
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
    OUT/truth.csv says what was simulated: label is the reader's word, as on a
    record, true_label what was simulated; in the default population one label
    in twelve differs. The patients are invented; patient k is the same in a
    cohort of any size. A patient takes 12 MB, 4 with --rle.

    Research use only, not for diagnosis.
    """
    from rich.console import Console

    from training.phantom import labels
    from training.phantom.cohort import refuse_foreign_content, write_cohort
    from training.phantom.population import named

    count, whose = _how_many(patients, cohort, label_class), named(population.value)
    refuse_foreign_content(out, patients=count, seed=seed, population=whose)
    with counted(Console(stderr=True), "Simulating") as tell:
        truth = write_cohort(
            out,
            patients=count,
            seed=seed,
            label=label_class.label,
            labels=labels.original_label if cohort is Cohort.ORIGINAL else labels.mixed_label,
            layout=None if layout is None else layout.value,
            population=whose,
            rle=rle,
            png=png,
            progress=lambda done: tell(done, count),
            workers=min(workers, max(1, count // 8)),
        )
    typer.echo(f"{count} simulated {'patient' if count == 1 else 'patients'} in {out}, what they have in {truth}.")


def _how_many(patients: int | None, cohort: Cohort, label_class: LabelClass) -> int:
    """The number of patients; PerfuscopeError where the options do not agree."""
    from core.errors import PerfuscopeError
    from training.phantom.labels import ORIGINAL_PATIENTS

    if cohort is Cohort.ORIGINAL:
        if patients is not None or label_class is not LabelClass.MIXED:
            raise PerfuscopeError(
                f"--cohort original has {ORIGINAL_PATIENTS} patients of its own; leave out --patients and --class."
            )
        return ORIGINAL_PATIENTS
    if patients is None:
        raise PerfuscopeError("say how many patients: --patients N, or --cohort original for 87.")
    return patients
