"""Data sets from class folders: what is read, cut and kept, and nothing else."""

import shutil
from pathlib import Path

import drawn
import numpy as np
import pytest
from dataset_command import run, told
from PIL import Image

from core.types import Label, View
from training import datasets
from training.datasets import class_folders
from training.datasets import manifest as manifests


def images(folder):
    """The pixels of a folder's pictures by name."""
    return {path.name: np.asarray(Image.open(path)) for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("12_qps.png", View.QPS),
        ("12-QPS.JPG", View.QPS),
        ("12_stress_qgs.png", View.STRESS_QGS),
        ("12 Stress QGS.dcm", View.STRESS_QGS),
        ("12_sqgs.png", View.STRESS_QGS),
        ("12_QGS stress.png", View.STRESS_QGS),
        ("12_restqgs.png", View.REST_QGS),
        ("12_RQGS.png", View.REST_QGS),
    ],
)
def test_views_are_spelled_in_several_ways(name, view):
    assert class_folders.name_of(Path(name)) == ("12", view)


@pytest.mark.parametrize("name", ["12.png", "qps.png", "12_raw.png", "12_qps_old.png", "12stress_qg.png"])
def test_a_name_without_patient_and_view_is_none(name):
    assert class_folders.name_of(Path(name)) is None


def test_class_folders_become_a_data_set_that_training_may_believe(ready_set):
    assert "every digest fits" in run("verify", ready_set)
    data = datasets.verified(ready_set)
    assert len(data.patients) == 9
    assert set(data.counts().values()) == {3}
    assert data.pixels.shape == (9, 3, 224, 224, 3)
    assert data.maps.shape == (9, 10, 32, 72)
    assert not np.isnan(data.maps).any()
    assert data.source == "clinical"
    assert data.layouts == {"qps-qgs-1280": 1}
    for subset in datasets.SUBSETS:
        assert set(data.part(subset).counts().values()) == {1}


def test_labels_are_those_of_the_folders(ready_set):
    patients = {patient.id: patient.label for patient in manifests.load(ready_set).patients}
    assert [patients[str(k)] for k in (1, 4, 7)] == [Label.NORMAL, Label.ISCHEMIA, Label.INFARCTION]


def test_the_cache_gives_the_same_data(own_set):
    first, again = datasets.read(own_set), datasets.read(own_set)
    assert (first.pixels == again.pixels).all()
    assert (first.maps == again.maps).all()
    assert first.subset.tolist() == again.subset.tolist()


def test_crops_hold_the_maps_and_nothing_else_of_a_screen(ready_set):
    crop = images(ready_set / "crops")["1_qps.png"]
    plain = drawn.screen(View.QPS, 1)
    plain[:180, 960:] = 0
    panels = {panel.name: panel for panel in drawn.LAYOUT.views[0].panels}
    assert crop.shape == (580, 580, 3)
    first = panels["stress"]
    assert (crop[:290, :290] == plain[first.tile.slices] * first.kept()).all()
    assert not crop[290:, 290:].any()


def test_files_carry_no_metadata(tmp_path, class_folders_of_three):
    copy = shutil.copytree(class_folders_of_three, tmp_path / "screens")
    path = copy / "Normal" / "1_qps.png"
    info = Image.Exif()
    info[0x010E] = "TESTPATIENT^INVENTED"
    Image.open(path).save(path, exif=info)
    assert b"INVENTED" in path.read_bytes()
    out = tmp_path / "set"
    run("import", copy, "--out", out)
    run("crop", out)
    assert not any(b"INVENTED" in file.read_bytes() for file in out.rglob("*.png"))


def test_dropping_the_screens_leaves_a_whole_data_set(own_set):
    assert "still holds" not in run("crop", own_set, "--drop-screens")
    assert not (own_set / "images").exists()
    assert "every digest fits" in run("verify", own_set)
    assert "images/: 0" in run("show", own_set)


def test_what_still_names_patients_is_said(tmp_path, class_folders_of_three):
    run("import", class_folders_of_three, "--out", tmp_path / "set")
    said = run("crop", tmp_path / "set")
    assert "images/ still holds 9 whole screens, with every name and date written on them" in said


def test_an_incomplete_patient_is_left_out_and_listed(tmp_path, class_folders_of_nine):
    copy = shutil.copytree(class_folders_of_nine, tmp_path / "screens")
    (copy / "Normal" / "2_rqgs.png").unlink()
    (copy / "Normal" / "notes.png").write_bytes(b"")
    said = run("import", copy, "--out", tmp_path / "set")
    assert "8 clinical patients (2 normal, 3 ischemia, 3 infarction), 2 left out" in said
    assert "left out: 2 (incomplete: without rest_qgs)" in said
    assert "left out: Normal/notes.png (its name does not end in" in said


def test_show_fits_a_terminal(own_set):
    said = told("show", own_set)
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "train" in said
    assert "layouts: qps-qgs-1280 1" in said
    assert "made by: dataset split --shares 34/33/33 --seed 3" in said
