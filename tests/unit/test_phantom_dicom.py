"""Simulated studies as DICOM files: repeatable, complete, and one patient's."""

import csv

import numpy as np
import pydicom
import pytest
from pydicom.uid import NuclearMedicineImageStorage, SecondaryCaptureImageStorage
from typer.testing import CliRunner

from core.errors import PerfuscopeError
from core.types import Label, View
from training.phantom import dicom
from training.phantom.cohort import TRUTH, refuse_foreign_content, simulate, write_cohort

_NAMES = ["qps.dcm", "stress_qgs.dcm", "rest_qgs.dcm", "raw_nm.dcm"]
_SAME_IN_ALL = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    out = tmp_path_factory.mktemp("cohort")
    write_cohort(out, patients=3, seed=1, rle=True)
    return out


def _contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_a_small_cohort_is_the_start_of_a_large_one(cohort, tmp_path):
    write_cohort(tmp_path, patients=2, seed=1, rle=True, workers=1)
    small, large = _contents(tmp_path), _contents(cohort)
    small_truth, large_truth = small.pop(TRUTH), large.pop(TRUTH)
    assert len(small) == 8
    assert all(large[name] == content for name, content in small.items())
    assert large_truth.startswith(small_truth)


def test_several_processes_write_what_one_writes(cohort, tmp_path):
    write_cohort(tmp_path, patients=3, seed=1, rle=True, workers=2)
    assert _contents(tmp_path) == _contents(cohort)


def test_another_seed_gives_other_patients():
    one, other = (dicom.datasets(simulate(seed, 0)) for seed in (1, 2))
    uids = [getattr(ds, name) for ds in one + other for name in ("SOPInstanceUID", "SeriesInstanceUID")]
    assert len(set(uids)) == 16
    assert one[0].StudyInstanceUID != other[0].StudyInstanceUID
    assert one[0].PatientID != other[0].PatientID
    assert one[0].PixelData != other[0].PixelData


def test_a_label_asked_for_makes_another_study_of_the_same_person():
    ischemia, infarction = (simulate(1, 5, label=label) for label in (Label.ISCHEMIA, Label.INFARCTION))
    assert ischemia.identity == infarction.identity
    assert dicom.datasets(ischemia)[0].StudyInstanceUID != dicom.datasets(infarction)[0].StudyInstanceUID
    mixed = simulate(1, 5)
    assert dicom.datasets(mixed) == dicom.datasets(simulate(1, 5, label=mixed.label))


def test_pydicom_reads_every_object_and_its_pixels(cohort):
    for folder in sorted(path for path in cohort.iterdir() if path.is_dir()):
        screens = simulate(1, int(folder.name[-6:])).screens
        assert sorted(path.name for path in folder.iterdir()) == sorted(_NAMES)
        for view in View:
            ds = pydicom.dcmread(folder / f"{view.value}.dcm")
            assert ds.SOPClassUID == SecondaryCaptureImageStorage
            assert np.array_equal(ds.pixel_array, screens[view])
        raw = pydicom.dcmread(folder / "raw_nm.dcm")
        assert raw.SOPClassUID == NuclearMedicineImageStorage
        assert raw.pixel_array.shape == (30, 64, 64)
        assert raw.CountsAccumulated == raw.pixel_array.sum(dtype=np.int64)
        assert 3.5e6 < raw.CountsAccumulated < 4.3e6


def test_uncompressed_and_rle_screens_hold_the_same_pixels(tmp_path):
    patient = simulate(1, 0)
    plain = dicom.write_study(patient, tmp_path / "plain")
    packed = dicom.write_study(patient, tmp_path / "rle", rle=True)
    assert [path.name for path in plain] == [path.name for path in packed] == _NAMES
    for one, other in zip(plain, packed, strict=True):
        a, b = pydicom.dcmread(one), pydicom.dcmread(other)
        assert a.SOPInstanceUID == b.SOPInstanceUID
        assert np.array_equal(a.pixel_array, b.pixel_array)
    assert packed[0].stat().st_size < plain[0].stat().st_size / 2


def test_all_objects_of_a_study_name_the_same_patient_and_study():
    objects = dicom.datasets(simulate(1, 3))
    for name in _SAME_IN_ALL:
        assert len({str(getattr(ds, name)) for ds in objects}) == 1, name
    assert len({ds.SeriesInstanceUID for ds in objects}) == 4
    assert [ds.SeriesDescription for ds in objects] == ["AC QPS", "AC STRESS QGS", "AC REST QGS", "STRESS MIBI TOMO"]
    assert [ds.Modality for ds in objects] == ["OT", "OT", "OT", "NM"]
    assert all(ds.Manufacturer == "Perfuscope Simulator" for ds in objects)


def test_the_header_says_what_is_burned_in():
    patient = simulate(6, 12)
    ds = dicom.datasets(patient)[0]
    assert ds.PatientName == patient.identity.name
    assert ds.PatientID == patient.identity.patient_id == "SIM-S6-000012"
    assert ds.PatientBirthDate == patient.identity.birth_date.strftime("%Y%m%d")
    assert ds.PatientSex == patient.identity.sex
    assert ds.AccessionNumber == patient.identity.accession_number
    assert ds.BurnedInAnnotation == "YES"


def test_ages_dates_and_identifiers_are_valid_and_no_two_alike():
    people = [simulate(seed, k).identity for seed in (1, 2) for k in range(4)]
    assert len({p.patient_id for p in people}) == len({p.accession_number for p in people}) == 8
    for person in people:
        assert 35 < person.age_years < 90
        assert len(person.accession_number) <= 16
        assert person.name.split("^")[0] in {
            "SIMULATED",
            "PHANTOM",
            "TESTCASE",
            "INVENTED",
            "SPECIMEN",
            "NOBODY",
            "FICTIVE",
            "MOCKUP",
        }


def test_truth_lists_every_patient_with_what_was_simulated(cohort):
    with (cohort / TRUTH).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:3] == ["patient_id", "label", "study"]
    needed = {"territory", "extent_percent", "severity_stress", "severity_rest", "tpd_stress", "tpd_rest", "ef_stress"}
    assert needed <= set(rows[0])
    assert sorted(row["label"] for row in rows) == sorted(label.value for label in Label)
    assert all((cohort / row["study"] / "qps.dcm").is_file() for row in rows)
    assert all((row["territory"] == "") == (row["label"] == "normal") for row in rows)


def test_progress_counts_the_patients_done(tmp_path):
    told = []
    write_cohort(tmp_path, patients=2, seed=3, rle=True, progress=told.append)
    assert told == [1, 2]


def test_a_folder_with_anything_else_is_refused(cohort, tmp_path):
    refuse_foreign_content(tmp_path / "new", patients=1, seed=1)
    refuse_foreign_content(tmp_path, patients=1, seed=1)
    refuse_foreign_content(cohort, patients=3, seed=1)
    with pytest.raises(PerfuscopeError, match="larger cohort of seed 1; ask for 3 patients or more"):
        refuse_foreign_content(cohort, patients=2, seed=1)
    with pytest.raises(PerfuscopeError, match="name a new or an empty folder"):
        refuse_foreign_content(cohort, patients=3, seed=2)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PerfuscopeError, match="name a new or an empty folder"):
        refuse_foreign_content(tmp_path, patients=1, seed=1)


@pytest.fixture
def command():
    import typer

    from cli.simulate import simulate as simulate_command

    app = typer.Typer()
    app.command("simulate")(simulate_command)
    return app


def test_the_command_writes_studies_and_pictures(command, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(command, [str(out), "--patients", "1", "--class", "ischemia", "--rle", "--png"])
    assert done.exit_code == 0, done.output
    assert "1 simulated patient in" in done.output
    names = sorted(path.name for path in (out / "SIM-S1-000000").iterdir())
    assert names == sorted([*_NAMES, "qps.png", "stress_qgs.png", "rest_qgs.png"])
    assert ",ischemia," in (out / TRUTH).read_text().splitlines()[1]


def test_the_command_refuses_a_folder_in_use_in_one_sentence(command, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = CliRunner().invoke(command, [str(tmp_path), "--patients", "1"])
    assert done.exit_code == 2
    assert "name a new or an empty folder" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
