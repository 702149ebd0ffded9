"""A study leaves whole or not at all: nobody else's object in its folder, nothing half done left behind, no crash."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest
from pydicom import Dataset

from core.errors import Unavailable
from core.phi import Phi
from core.types import REQUIRED_VIEWS, Label, View
from db.exports import Material, StoredObject
from dicom_node import deidentify, layouts
from dicom_node.exporting import Exporting, StudyExport
from dicom_node.inbox import Inbox
from training.phantom import cohort, dicom

KEY = deidentify.Key(bytes(range(32)))
VIEWS: tuple[View | None, ...] = (View.QPS, View.STRESS_QGS, View.REST_QGS, None)
"""Of the simulator's objects, in its order; the last is the raw acquisition."""


def clean(ds: Dataset, _sender: str) -> deidentify.Exported:
    return deidentify.export_object(ds, layouts=layouts.shipped(), key=KEY)


@dataclass
class Site:
    """A store with one simulated study, and an export of it."""

    folder: Path
    datasets: list[Dataset]
    clean: Callable[[Dataset, str], deidentify.Exported] = clean
    suspended: frozenset[str] = frozenset()
    objects: list[StoredObject] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "out").mkdir()
        self.objects = [StoredObject(uuid4(), f"{i}.dcm", view, "toy", "AE", None) for i, view in enumerate(VIEWS)]

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def export(self) -> StudyExport:
        for one, ds in zip(self.objects, self.datasets, strict=True):
            ds.save_as(self.folder / one.path, enforce_file_format=True)
        return self.again()

    def again(self) -> StudyExport:
        exporting = Exporting(Inbox(self.folder), self.out, self.clean, {}, "nothing", raw=True)
        material = Material(uuid4(), Phi("ZZ-1"), None, tuple(self.objects))
        done = exporting.study(material, suspended=self.suspended)
        done.release()
        return done

    def written(self) -> list[str]:
        return sorted(path.name for path in self.out.rglob("*") if path.is_file())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, dicom.datasets(cohort.simulate(4321, 0, label=Label.NORMAL)))


def whys(done: StudyExport) -> list[str]:
    return [item.why for item in done.left_out]


WHOLE = sorted([*(f"{view.value}.dcm" for view in REQUIRED_VIEWS), "raw_1.dcm"])


def test_a_simulated_study_leaves_though_its_patient_is_called_patient(site):
    assert "PATIENT" in str(site.datasets[0].PatientName)
    done = site.export()
    assert (whys(done), site.written(), done.files) == ([], WHOLE, 4)


def test_a_raw_acquisition_of_somebody_else_stays_behind(site):
    site.datasets[-1].PatientID = "SOMEBODY-ELSE"
    done = site.export()
    assert whys(done) == ["patients_differ"]
    assert site.written() == WHOLE[:1] + WHOLE[2:]
    assert [path.name for path in site.out.iterdir()] == [done.patient]


def test_screens_of_two_patients_make_no_patient(site):
    site.datasets[1].PatientID = "SOMEBODY-ELSE"
    assert whys(site.export()) == ["patients_differ"]
    assert list(site.out.iterdir()) == []


def test_a_study_whose_screen_is_being_prepared_again_is_left_out(site):
    site.objects[0] = replace(site.objects[0], view=None, why_not="not_chosen")
    assert whys(site.export()) == ["no_complete_set"]
    assert list(site.out.iterdir()) == []


@pytest.mark.parametrize("why", ["purged", "rejected"])
def test_a_chosen_screen_that_may_not_be_used_any_more_is_not(site, why):
    site.objects[1] = replace(site.objects[1], why_not=why)
    assert whys(site.export()) == [why]
    assert list(site.out.iterdir()) == []


def test_a_screen_of_a_suspended_layout_stays(site):
    site.suspended = frozenset({"toy"})
    assert whys(site.export()) == ["layout_suspended"]
    assert list(site.out.iterdir()) == []


def test_a_file_that_is_gone_leaves_its_study_out(site):
    site.export()
    for folder in site.out.iterdir():
        folder.rename(site.folder / "first")
    (site.folder / "2.dcm").unlink()
    assert whys(site.again()) == ["file_unreadable"]
    assert list(site.out.iterdir()) == []


def _failing(error: Exception) -> Callable[[Dataset, str], deidentify.Exported]:
    seen = iter(range(10))

    def fail(ds: Dataset, sender: str) -> deidentify.Exported:
        if next(seen) == 2:
            raise error
        return clean(ds, sender)

    return fail


def test_a_reader_that_fails_midway_leaves_the_study_out_and_nothing_behind(site):
    site.clean = _failing(Unavailable("ocr_failed"))
    assert whys(site.export()) == ["ocr_failed"]
    assert list(site.out.iterdir()) == []


def test_a_bug_midway_leaves_nothing_behind(site):
    site.clean = _failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        site.export()
    assert list(site.out.iterdir()) == []
