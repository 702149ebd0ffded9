"""Cohorts of simulated patients, in memory or as folders of DICOM studies with a truth.csv.

A cohort is named by its seed; patient k is a function of (seed, k), so a cohort of 10 is the first tenth of a cohort
of 100. A mixed cohort holds equal thirds of normal, ischemia and infarction, which is no hospital's mix: weigh figures
from it accordingly. ``labels.original_label`` gives the original work's mix.
"""

import csv
import multiprocessing
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from core.errors import PerfuscopeError
from core.types import Label
from training.phantom.dicom import write_study
from training.phantom.identity import patient_id
from training.phantom.labels import mixed_label
from training.phantom.patient import SimulatedPatient, simulate
from training.phantom.population import DEFAULT, Population

TRUTH = "truth.csv"
_UNFINISHED = "truth.csv.part"
Row = dict[str, str | int | float]
Labels = Callable[[int, int], Label]
"""The label of patient ``index`` of the cohort ``seed``; a module's function, so that other processes find it."""


def refuse_foreign_content(out: Path, *, patients: int, seed: int, population: Population = DEFAULT) -> None:
    """Raise PerfuscopeError where OUT holds anything that writing this cohort would not replace."""
    if out.exists() and not out.is_dir():
        raise PerfuscopeError(f"{out} is a file; name a folder.")
    held = {entry.name for entry in out.iterdir() if entry.name[0] != "."} if out.exists() else set()
    held -= {TRUTH, _UNFINISHED}
    foreign = held - {patient_id(seed, index, mark=population.mark) for index in range(patients)}
    if not foreign:
        return
    ours = [
        int(found[1]) for name in foreign if (found := re.fullmatch(rf"SIM-{population.mark}S{seed}-(\d{{6,}})", name))
    ]
    if len(ours) == len(foreign):
        raise PerfuscopeError(
            f"{out} holds a larger cohort of seed {seed}; "
            f"ask for {max(ours) + 1} patients or more, or name another folder."
        )
    raise PerfuscopeError(f"{out} holds other things than a cohort of seed {seed}; name a new or an empty folder.")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Whom to simulate: everything but the patient's number."""

    seed: int
    labels: Labels
    layout: str | None
    population: Population

    def patient(self, index: int) -> SimulatedPatient:
        label = self.labels(self.seed, index)
        return simulate(self.seed, index, label=label, layout=self.layout, population=self.population)


def _write_patient(index: int, *, out: Path, drawn: _Drawn, rle: bool, png: bool) -> Row:
    patient = drawn.patient(index)
    folder = out / patient.identity.patient_id
    write_study(patient, folder, rle=rle)
    if png:
        for view, pixels in patient.screens.items():
            Image.fromarray(pixels).save(folder / f"{view.value}.png")
    return patient.truth


def _always(seed: int, index: int, *, label: Label) -> Label:  # noqa: ARG001 - every patient's label
    return label


def _rows(work: Callable[[int], Row], *, patients: int, workers: int) -> Iterator[Row]:
    """The rows in the patients' order, made by one process or several started afresh (a fork inherits locks)."""
    if workers <= 1:
        yield from map(work, range(patients))
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, range(patients), chunksize=4)


def write_cohort(
    out: Path,
    *,
    patients: int,
    seed: int,
    label: Label | None = None,
    labels: Labels = mixed_label,
    layout: str | None = None,
    population: Population = DEFAULT,
    rle: bool = False,
    png: bool = False,
    progress: Callable[[int], None] | None = None,
    workers: int = 1,
) -> Path:
    """Write OUT/<patient_id>/{qps,stress_qgs,rest_qgs,raw_nm}.dcm and OUT/truth.csv; returns the path of truth.csv.

    ``label`` is every patient's, else ``labels`` gives each one's. ``layout`` names the program whose pages are drawn
    (``pages.PAGES``), by default the population's. ``progress`` is told how many patients are done, ``png`` writes the
    screens as pictures beside. truth.csv appears last, so a folder that holds it is complete.
    """
    out.mkdir(parents=True, exist_ok=True)
    truth = out / TRUTH
    truth.unlink(missing_ok=True)
    drawn = _Drawn(seed, labels if label is None else partial(_always, label=label), layout, population)
    work = partial(_write_patient, out=out, drawn=drawn, rle=rle, png=png)
    rows = []
    for done, row in enumerate(_rows(work, patients=patients, workers=workers), start=1):
        rows.append(row)
        if progress is not None:
            progress(done)
    unfinished = out / _UNFINISHED
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return unfinished.replace(truth)


__all__ = ["TRUTH", "SimulatedPatient", "refuse_foreign_content", "simulate", "write_cohort"]
