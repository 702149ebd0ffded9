"""Simulated studies for senders: many of one patient's screens, each under UIDs and an identity of its own."""

import copy
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid

from core.types import Label
from training.phantom import cohort, dicom


@lru_cache(maxsize=4)
def simulated(index: int = 0) -> list[Dataset]:
    """The very objects of a simulated patient, shared: leave them as they are."""
    return dicom.datasets(cohort.simulate(909, index, label=Label.ISCHEMIA))


def study(*, index: int = 0, **changes: Any) -> list[Dataset]:
    """A study never sent before, its objects in the order of ``View`` and the raw projections last.

    ``changes`` are set in every object.
    """
    datasets = copy.deepcopy(simulated(index))
    uid, series = generate_uid(prefix=None), dict[str, str]()
    for ds in datasets:
        ds.StudyInstanceUID = uid
        ds.SeriesInstanceUID = series.setdefault(ds.SeriesInstanceUID, generate_uid(prefix=None))
        renew(ds)
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
    return datasets


def of_different_patients(count: int) -> list[list[Dataset]]:
    """Studies of as many patients, who share the screens of three."""
    return [study(index=k % 3, PatientID=f"SIM-{k:03}", PatientName=f"NUMBER{k}^SIMULATED") for k in range(count)]


def renew(ds: Dataset) -> None:
    """Give an object another SOP Instance UID."""
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)


def uid_of(datasets: Iterable[Dataset]) -> str:
    """The Study Instance UID."""
    return str(next(iter(datasets)).StudyInstanceUID)
