"""A simulated patient: the examination and the three screens that a workstation would capture of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.types import Label, RgbImage, View
from training.phantom.examination import Examination, Quantified, examine
from training.phantom.identity import Identity
from training.phantom.pages import COLUMNS, Page, named


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
        """What was simulated."""
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


def simulate(seed: int, index: int, *, label: Label | None = None, layout: str = COLUMNS.name) -> SimulatedPatient:
    """Patient ``index`` of the cohort ``seed``; the same arguments give the same patient, down to the last pixel.

    Another layout shows the same examination of the same patient. Raises PerfuscopeError for one there is not.
    """
    page = named(layout)
    examination = examine(seed, index, label=label)
    screens = {view: page.draw(view, examination) for view in View}
    return SimulatedPatient(examination=examination, screens=screens, page=page)
