"""Patients that no camera saw: nothing without a person's word, nothing into test, and defects where they are said."""

import csv
import shutil
import subprocess
import sys

import drawn
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from core.types import REQUIRED_VIEWS, Label, View
from models.polar import polar_maps
from training import datasets
from training.datasets import inserting, reviewing, synthesizing
from training.datasets import manifest as manifests
from training.phantom.disease import Defect, Territory

NAMES = ("qps", "stress_qgs", "rest_qgs")


def run(*arguments, code=0):
    """The command's output, stdout and stderr together, each line and wrapping as one space."""
    done = CliRunner().invoke(app, ["dataset", *map(str, arguments)], env={"COLUMNS": "80", "DISPLAY": ""})
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def ready(class_folders_of_nine, tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    run("import", class_folders_of_nine, "--out", home / "set", "--simulated")
    run("crop", home / "set", "--drop-screens")
    run("split", home / "set", "--shares", "34/33/33")
    return home / "set"


@pytest.fixture
def own(ready, tmp_path):
    return shutil.copytree(ready, tmp_path / "set")


@pytest.fixture(scope="module")
def with_candidates(ready, tmp_path_factory):
    """The data set and two cases: one as screens of the layout, one as squares of another size than the crops."""
    folder = tmp_path_factory.mktemp("generated")
    for view, name in zip(REQUIRED_VIEWS, NAMES, strict=True):
        Image.fromarray(drawn.screen(view, 501)).save(folder / f"g1_{name}.png", compress_level=1)
        small = np.random.default_rng(7).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize((512, 512)).save(folder / f"g2_{name}.png", compress_level=1)
    out = shutil.copytree(ready, tmp_path_factory.mktemp("candidates") / "set")
    run("add-synthetic", out, folder, "--label", "ischemia", "--generator", "TESTGEN 1", "--prompt", "a defect")
    return out


@pytest.fixture
def waiting(with_candidates, tmp_path):
    """A copy, to decide about."""
    return shutil.copytree(with_candidates, tmp_path / "set")


def decisions(path, said, *, by="Test Reviewer"):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "decision", "by"))
        writer.writerows((name, decision, by) for name, decision in said.items())
    return path


def test_a_candidate_is_used_by_nothing_before_a_person_accepted_it(waiting):
    assert len(manifests.load(waiting).candidates) == 6
    assert len(datasets.verified(waiting).patients) == 9


def test_a_picture_of_our_shape_is_brought_to_our_size_and_black_outside_the_maps(waiting):
    crop = np.asarray(Image.open(waiting / "candidates" / "g2_qps.png"))
    assert crop.shape == (580, 580, 3)
    assert not crop[290:, 290:].any()
    assert not crop[0, 0].any()
    assert crop[145, 145].any()


def test_an_accepted_case_trains_and_says_where_it_comes_from(waiting, tmp_path):
    said = {f"g1_{name}.png": "accept" for name in NAMES} | {f"g2_{name}.png": "reject" for name in NAMES}
    run("review", waiting, "--decide", decisions(tmp_path / "said.csv", said))
    data = datasets.verified(waiting)
    assert data.patients[-1] == "g1"
    assert data.subset[-1] == "train"
    assert data.provenance[-1] == "synthetic: TESTGEN 1"
    assert "g2" not in data.patients
    patient = manifests.load(waiting).patients[-1]
    assert patient.label is Label.ISCHEMIA
    assert patient.provenance.details["prompt"] == "a defect"
    assert patient.provenance.details["decided"]["qps"]["by"] == "Test Reviewer"
    assert "3 accepted, 3 rejected, 0 waiting" in run("show", waiting)


def test_a_case_with_a_rejected_view_is_not_used(waiting, tmp_path):
    said = {"g1_qps.png": "accept", "g1_stress_qgs.png": "accept", "g1_rest_qgs.png": "reject"}
    run("review", waiting, "--decide", decisions(tmp_path / "said.csv", said))
    assert len(datasets.read(waiting).patients) == 9


def test_a_decision_can_be_taken_back(waiting):
    for name in NAMES:
        reviewing.decide(waiting, f"g1_{name}.png", accepted=True, by="Test Reviewer")
    assert len(manifests.load(waiting).patients) == 10
    reviewing.decide(waiting, "g1_qps.png", accepted=None, by="Test Reviewer")
    assert len(manifests.load(waiting).patients) == 9


@pytest.mark.parametrize(
    ("said", "by", "sentence"),
    [
        ({"g9_qps.png": "accept"}, "X", "line 2: g9_qps.png is no candidate"),
        ({"g1_qps.png": "maybe"}, "X", "line 2: decision must be accept or reject"),
        ({"g1_qps.png": "accept"}, "", "line 2: by must say who decided"),
        ({}, "X", "needs the columns file, decision and by"),
    ],
)
def test_a_table_of_decisions_that_is_none_changes_nothing(waiting, tmp_path, said, by, sentence):
    before = (waiting / manifests.MANIFEST).read_bytes()
    assert sentence in run("review", waiting, "--decide", decisions(tmp_path / "said.csv", said, by=by), code=2)
    assert (waiting / manifests.MANIFEST).read_bytes() == before


def test_only_if_asked_some_validate_and_none_ever_tests(own, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for case in range(6):
        for view, name in zip(REQUIRED_VIEWS, NAMES, strict=True):
            Image.fromarray(drawn.screen(view, 600 + case)).save(folder / f"v{case}_{name}.png", compress_level=1)
    run("add-synthetic", own, folder, "--label", "infarction", "--generator", "TESTGEN 1", "--validation")
    said = {f"v{case}_{name}.png": "accept" for case in range(6) for name in NAMES}
    run("review", own, "--decide", decisions(tmp_path / "said.csv", said))
    data = datasets.verified(own)
    subsets = set(data.subset[9:].tolist())
    assert len(data.patients) == 15
    assert subsets == {"train", "validation"}


def test_a_copy_of_somebody_who_tests_is_not_taken(own, tmp_path):
    data = datasets.read(own)
    tests = data.patients[int(np.flatnonzero(data.subset == "test")[0])]
    folder = tmp_path / "leak"
    folder.mkdir()
    Image.fromarray(drawn.screen(View.QPS, int(tests))).save(folder / "leak_qps.jpg", quality=90)
    said = run("add-synthetic", own, folder, "--label", "ischemia", "--generator", "TESTGEN 1", code=2)
    assert f"leak_qps.jpg: it shows the same as {tests} in test" in said


def test_neighbours_are_real_patients_who_train_and_the_nearest_comes_first(waiting):
    manifest = manifests.load(waiting)
    near = reviewing.neighbours(manifest, manifest.candidates[0], count=9)
    assert {one.patient.subset for one in near} == {"train"}
    assert [one.distance for one in near] == sorted(one.distance for one in near)


def test_without_a_display_the_table_is_named(waiting):
    assert "no display for a window; decide with --decide FILE" in run("review", waiting, code=2)


REVIEW = """
import sys
import tkinter as tk
from pathlib import Path
from PIL import ImageGrab
from training.datasets.review_window import ReviewWindow

root = tk.Tk()
window = ReviewWindow(root, Path(sys.argv[1]), by="Test Reviewer")
def press(key):
    root.update()
    root.focus_force()
    root.update()
    root.event_generate(f"<Key-{key}>")
    root.update()
root.update()
if len(sys.argv) > 2:
    ImageGrab.grab(xdisplay="").save(sys.argv[2])
for key in "aaaurq":
    press(key)
"""


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="no Xvfb for a window")
def test_the_window_takes_keys_and_what_was_decided_is_kept(waiting):
    command = ["xvfb-run", "-a", "-s", "-screen 0 1400x800x24", sys.executable, "-c", REVIEW, str(waiting)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    said = [one.decision for one in manifests.load(waiting).candidates]
    assert [one.accepted if one else None for one in said] == [True, True, False, None, None, None]
    assert all(one.by == "Test Reviewer" for one in said if one)


def test_synthesized_patients_train_and_their_defect_is_written_down(own):
    run("synthesize", own, "--count", 3, "--defect", "reversible", "--seed", 4)
    run("synthesize", own, "--count", 1, "--defect", "fixed", "--seed", 4)
    data = datasets.verified(own)
    assert data.subset[9:].tolist() == ["train"] * 4
    assert data.counts() == {Label.NORMAL: 3, Label.ISCHEMIA: 6, Label.INFARCTION: 4}
    manifest = manifests.load(own)
    bases = {patient.id: patient for patient in manifest.patients}
    for made in manifest.patients[9:]:
        details = made.provenance.details
        base = bases[details["base"]]
        assert (base.label, base.subset) == (Label.NORMAL, "train")
        assert set(details["segments"]) <= set(range(1, 18))
        assert details["territory"] in set(Territory)
        assert details["depth_stress"] > 0
    assert "holds synthesized patients" in run("split", own, code=2)


def test_the_same_seed_makes_the_same_patients(own, tmp_path):
    other = shutil.copytree(own, tmp_path / "other")
    for folder in (own, other):
        run("synthesize", folder, "--count", 1, "--seed", 9)
    hashes = [manifests.load(folder).patients[-1].views[View.QPS].crop.sha256 for folder in (own, other)]
    assert hashes[0] == hashes[1]


def test_somebody_made_from_a_patient_who_does_not_train_is_found(own):
    run("synthesize", own, "--count", 1)
    manifest = manifests.load(own)
    base = manifest.patients[-1].provenance.details["base"]
    moved = tuple(p.model_copy(update={"subset": "test"}) if p.id == base else p for p in manifest.patients)
    manifests.save(own, manifest.model_copy(update={"patients": moved}))
    assert f"was made from {base}: both must be in train" in run("verify", own, code=1)


LATERAL = Defect(
    territory=Territory.LCX,
    theta=0.0,
    p=0.65,
    half_radial=0.3,
    half_tangential=0.35,
    transmural=1.0,
    depth_stress=0.5,
    depth_rest=0.0,
    stunned_stress=0.6,
    stunned_rest=0.0,
)


def inserted(own, view):
    crop = manifests.load(own).patients[0].views[view].crop
    before = np.asarray(Image.open(own / crop.file))
    return before, inserting.insert(before, crop.scale(), view, LATERAL), crop.scale()


@pytest.mark.parametrize("view", REQUIRED_VIEWS)
def test_nothing_outside_the_maps_changes(own, view):
    before, after, maps = inserted(own, view)
    rows, columns = np.ogrid[: before.shape[0], : before.shape[1]]
    inside = np.zeros(before.shape[:2], dtype=bool)
    for column, row, radius in maps.circles.values():
        inside |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    assert (after[~inside] == before[~inside]).all()


def test_a_reversible_defect_is_at_stress_and_in_the_difference_only_and_where_it_was_put(own):
    before, after, maps = inserted(own, View.QPS)
    was, now = polar_maps(before, maps), polar_maps(after, maps)
    lateral, septal = (slice(18, 24), slice(0, 4)), (slice(18, 24), slice(34, 38))
    assert now["stress"][lateral].mean() < 0.7 * was["stress"][lateral].mean()
    assert now["stress"][septal].mean() == pytest.approx(was["stress"][septal].mean(), rel=0.08)
    assert now["difference"][lateral].mean() > was["difference"][lateral].mean() + 0.15
    assert np.abs(now["rest"] - was["rest"]).max() < 0.02


def test_the_gated_maps_agree_with_the_defect(own):
    lateral = (slice(18, 24), slice(0, 4))
    before, after, maps = inserted(own, View.STRESS_QGS)
    was, now = polar_maps(before, maps), polar_maps(after, maps)
    for name in ("perfusion_ed", "perfusion_es", "motion", "thickening"):
        assert now[name][lateral].mean() < 0.75 * was[name][lateral].mean()
    before, after, maps = inserted(own, View.REST_QGS)
    assert np.abs(after.astype(int) - before).mean() < 0.5


def test_segments_are_those_that_the_defect_touches():
    assert set(synthesizing.segments(LATERAL)) & {5, 6, 11, 12}
    assert not set(synthesizing.segments(LATERAL)) & {2, 3, 8, 9, 14}
