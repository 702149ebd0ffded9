"""Invented people: obviously invented names, and everything else that a header and a screen say about a patient."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

_FAMILIES = ("SIMULATED", "PHANTOM", "TESTCASE", "INVENTED", "SPECIMEN", "NOBODY", "FICTIVE", "MOCKUP")
_GIVEN = (
    *(
        "ALDER",
        "ASH",
        "ASPEN",
        "BEECH",
        "BIRCH",
        "CEDAR",
        "CHERRY",
        "CYPRESS",
        "ELDER",
        "ELM",
        "FIR",
        "HAZEL",
        "HOLLY",
        "HORNBEAM",
    ),
    *(
        "JUNIPER",
        "LARCH",
        "LINDEN",
        "MAPLE",
        "OAK",
        "OLIVE",
        "PINE",
        "POPLAR",
        "ROWAN",
        "SPRUCE",
        "SYCAMORE",
        "WALNUT",
        "WILLOW",
        "YEW",
    ),
)
_FIRST_DAY = datetime(2021, 1, 4)  # noqa: DTZ001 - DICOM dates carry no zone here
_DAYS = 5 * 365


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the simulated patient is said to be; the same values go into the headers and onto the screens."""

    name: str
    patient_id: str
    sex: str
    birth_date: date
    accession_number: str
    study_at: datetime

    @property
    def female(self) -> bool:
        """Whether the limits of women apply."""
        return self.sex == "F"

    @property
    def age_years(self) -> int:
        """Age on the day of the study."""
        day, born = self.study_at.date(), self.birth_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def patient_id(seed: int, index: int, *, mark: str = "") -> str:
    """The identifier of patient ``index`` of the cohort ``seed``; no two cohorts or populations share one."""
    return f"SIM-{mark}S{seed}-{index:06d}"


def draw_identity(rng: np.random.Generator, *, seed: int, index: int, mark: str = "") -> Identity:
    """An identity that belongs to (seed, index) and the population with that mark alone."""
    family = _FAMILIES[int(rng.integers(len(_FAMILIES)))]
    given = f"PATIENT {index:04d}" if family == "SIMULATED" else _GIVEN[int(rng.integers(len(_GIVEN)))]
    study_at = _FIRST_DAY + timedelta(days=int(rng.integers(_DAYS)), minutes=int(rng.integers(7 * 60 + 30, 16 * 60)))
    born = study_at - timedelta(days=int(rng.integers(38 * 366, 87 * 365)))
    number = int.from_bytes(_digest(seed, index, f"{mark}accession")[:6]) % 10**10
    return Identity(
        name=f"{family}^{given}",
        patient_id=patient_id(seed, index, mark=mark),
        sex="F" if rng.random() < 0.42 else "M",
        birth_date=born.date(),
        accession_number=f"SIM{number:010d}",
        study_at=study_at,
    )


def uid(seed: int, index: int, what: str) -> str:
    """A UID below 2.25 (PS3.5 B.2) that is always the same for the same object and shared with no other."""
    return f"2.25.{uuid.UUID(bytes=_digest(seed, index, what)[:16], version=5).int}"


def _digest(seed: int, index: int, what: str) -> bytes:
    return hashlib.sha256(f"perfuscope phantom/{seed}/{index}/{what}".encode("ascii")).digest()
