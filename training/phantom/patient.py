"""A simulated patient: the examination and the three screens that a workstation would capture of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.pixels import RgbImage
from core.types import Label, View
from training.phantom.examination import Examination, Quantified, examine
from training.phantom.identity import Identity
from training.phantom.pages import COLUMNS, Page, named
from training.phantom.population import DEFAULT, Population

_PAGE = 9
"""Seeds the choice of a page, apart from what ``subject`` draws."""


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """An examination and its screens as a program's pages show it; the first program's have shape (1024, 1280, 3)."""

    examination: Examination
    screens: Mapping[View, RgbImage]
    page: Page = COLUMNS

    @property
    def index(self) -> int:
        """The patient's place in the cohort."""
        return self.examination.index

    @property
    def label(self) -> Label:
        """The label on record."""
        return self.examination.label

    @property
    def identity(self) -> Identity:
        """Who the patient is said to be."""
        return self.examination.identity

    @property
    def truth(self) -> dict[str, str | int | float]:
        """What was simulated and measured: one row of truth.csv."""
        return self.examination.truth

    @property
    def stress(self) -> Quantified:
        """The stress acquisition: volumes, maps and measurements."""
        return self.examination.stress

    @property
    def rest(self) -> Quantified:
        """The rest acquisition: volumes, maps and measurements."""
        return self.examination.rest


def simulate(
    seed: int,
    index: int,
    *,
    label: Label | None = None,
    layout: str | None = None,
    population: Population = DEFAULT,
) -> SimulatedPatient:
    """Patient ``index`` of the cohort ``seed``; the same arguments give the same patient, down to the last pixel.

    Another layout shows the same examination of the same patient; without one the page is the population's. Raises
    PerfuscopeError for a layout that there is not.
    """
    page = named(_page(seed, index, population) if layout is None else layout)
    examination = examine(seed, index, label=label, population=population)
    screens = {view: page.draw(view, examination) for view in View}
    return SimulatedPatient(examination=examination, screens=screens, page=page)


def _page(seed: int, index: int, population: Population) -> str:
    """The page that the patient's screens are drawn in where none is asked for."""
    chosen = np.random.default_rng([seed, index, _PAGE, *population.stream]).integers(len(population.layouts))
    return population.layouts[int(chosen)]
