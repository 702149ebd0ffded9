"""Data sets from class folders: whole or not at all, nothing but maps in the crops, nobody in two subsets."""

import errno
import io
import json
import re
import shutil
from pathlib import Path

import drawn
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS, Label, View
from training import datasets
from training.datasets import class_folders, duplicates, pictures
from training.datasets import manifest as manifests

SPLIT = ("--shares", "34/33/33", "--seed", "3")


def run(*arguments, code=0):
    """The command's output, stdout and stderr together, each line and wrapping as one space."""
    return " ".join(told(*arguments, code=code).split())


def told(*arguments, code=0):
    """The command's output as it is."""
    done = CliRunner().invoke(app, ["dataset", *map(str, arguments)], env={"COLUMNS": "80"})
    assert done.exit_code == code, done.output
    return done.output


def images(folder):
    """The pixels of a folder's pictures by name."""
    return {path.name: np.asarray(Image.open(path)) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """One patient of each class: 1 is normal, 2 has ischemia, 3 an infarction."""
    return drawn.class_folders(tmp_path_factory.mktemp("sorted") / "screens", each=1)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Three patients of each class, numbered from 1 on."""
    return drawn.class_folders(tmp_path_factory.mktemp("many") / "screens")


@pytest.fixture(scope="module")
def ready(many, tmp_path_factory):
    """A data set that is imported, cropped and split; tests that change it take a copy."""
    out = tmp_path_factory.mktemp("ready") / "set"
    run("import", many, "--out", out)
    run("crop", out)
    run("split", out, *SPLIT)
    return out


@pytest.fixture
def own(ready, tmp_path):
    return shutil.copytree(ready, tmp_path / "set")


def edited(folder, change):
    """The manifest changed behind the commands' backs."""
    document = json.loads((folder / manifests.MANIFEST).read_text())
    change(document)
    (folder / manifests.MANIFEST).write_text(json.dumps(document))


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


def test_class_folders_become_a_data_set_that_training_may_believe(ready):
    assert "every digest fits" in run("verify", ready)
    data = datasets.verified(ready)
    assert len(data.patients) == 9
    assert set(data.counts().values()) == {3}
    assert data.pixels.shape == (9, 3, 224, 224, 3)
    assert data.maps.shape == (9, 10, 32, 72)
    assert not np.isnan(data.maps).any()
    assert data.source == "clinical"
    assert data.layouts == {"qps-qgs-1280": 1}
    for subset in datasets.SUBSETS:
        assert set(data.part(subset).counts().values()) == {1}


def test_the_cache_gives_the_same_data(own):
    first, again = datasets.read(own), datasets.read(own)
    assert (first.pixels == again.pixels).all()
    assert (first.maps == again.maps).all()
    assert first.subset.tolist() == again.subset.tolist()


def test_the_same_seed_splits_alike_and_another_does_not(own):
    before = datasets.read(own).subset
    run("split", own, *SPLIT)
    assert (datasets.read(own).subset == before).all()
    run("split", own, "--shares", "34/33/33", "--seed", 4)
    assert (datasets.read(own).subset != before).any()


def test_crops_hold_the_maps_and_nothing_else_of_a_screen(ready):
    crop = images(ready / "crops")["1_qps.png"]
    plain = drawn.screen(View.QPS, 1)
    plain[:180, 960:] = 0
    panels = {panel.name: panel for panel in drawn.LAYOUT.views[0].panels}
    assert crop.shape == (580, 580, 3)
    first = panels["stress"]
    assert (crop[:290, :290] == plain[first.tile.slices] * first.kept()).all()
    assert not crop[290:, 290:].any()


def test_files_carry_no_metadata(tmp_path, source):
    copy = shutil.copytree(source, tmp_path / "screens")
    path = copy / "Normal" / "1_qps.png"
    info = Image.Exif()
    info[0x010E] = "TESTPATIENT^INVENTED"
    Image.open(path).save(path, exif=info)
    assert b"INVENTED" in path.read_bytes()
    out = tmp_path / "set"
    run("import", copy, "--out", out)
    run("crop", out)
    assert not any(b"INVENTED" in file.read_bytes() for file in out.rglob("*.png"))


def test_dropping_the_screens_leaves_a_whole_data_set(own):
    assert "still holds" not in run("crop", own, "--drop-screens")
    assert not (own / "images").exists()
    assert "every digest fits" in run("verify", own)
    assert "images/: 0" in run("show", own)


def test_what_still_names_patients_is_said(tmp_path, source):
    run("import", source, "--out", tmp_path / "set")
    said = run("crop", tmp_path / "set")
    assert "images/ still holds 9 whole screens, with every name and date written on them" in said


def test_an_incomplete_patient_is_left_out_and_listed(tmp_path, many):
    copy = shutil.copytree(many, tmp_path / "screens")
    (copy / "Normal" / "2_rqgs.png").unlink()
    (copy / "Normal" / "notes.png").write_bytes(b"")
    said = run("import", copy, "--out", tmp_path / "set")
    assert "8 clinical patients (2 normal, 3 ischemia, 3 infarction), 2 left out" in said
    assert "left out: 2 (incomplete: without rest_qgs)" in said
    assert "left out: Normal/notes.png (its name does not end in" in said


def spoiled_class(copy):
    shutil.copy(copy / "Normal" / "1_qps.png", copy / "INFARCTION" / "1_qps.png")
    return r"Normal/1 .*\.png and .*INFARCTION/1_qps\.png put patient 1 into two classes"


def spoiled_image(copy):
    path = copy / "ischemia" / "2_qps.png"
    path.write_bytes(path.read_bytes()[:5000])
    return r"2_qps\.png is a damaged picture"


def no_image(copy):
    (copy / "ischemia" / "2_qps.png").write_bytes(b"a text, not a picture")
    return r"2_qps\.png is no picture that can be read"


def no_dicom(copy):
    (copy / "ischemia" / "2_qps.png").unlink()
    (copy / "ischemia" / "2_qps.dcm").write_bytes(bytes(128) + b"DICM" + b"nothing of it")
    return r"2_qps\.dcm cannot be used: the pixels cannot be decoded"


def empty_class(copy):
    for path in (copy / "INFARCTION").iterdir():
        path.unlink()
    return "screens holds no patient with infarction who has all three views"


def foreign_folder(copy):
    (copy / "Unclear").mkdir()
    return "Unclear is no class; the class folders are Normal, Ischemia and Infarction"


@pytest.mark.parametrize("spoil", [spoiled_class, spoiled_image, no_image, no_dicom, empty_class, foreign_folder])
def test_bad_input_is_one_sentence_that_names_the_file_and_leaves_nothing(tmp_path, source, spoil):
    copy = shutil.copytree(source, tmp_path / "screens")
    sentence = spoil(copy)
    said = told("import", copy, "--out", tmp_path / "set", code=2).strip()
    assert re.search(sentence, said)
    assert said.count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["screens"]


class Full:
    """A disk that is full after so many written bytes."""

    def __init__(self, monkeypatch, *, after):
        self.left = after
        opened = Path.open

        def open_(path, mode="r", *arguments, **options):
            file = opened(path, mode, *arguments, **options)
            return Leaking(file, self) if "w" in mode and "b" in mode else file

        monkeypatch.setattr(Path, "open", open_)


class Leaking:
    def __init__(self, file, disk):
        self.file, self.disk = file, disk

    def write(self, content):
        self.disk.left -= len(content)
        if self.disk.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.file.close()


def test_a_full_disk_names_the_file_and_leaves_no_data_set(tmp_path, source, monkeypatch):
    Full(monkeypatch, after=300_000)
    said = run("import", source, "--out", tmp_path / "set", code=2)
    assert ".png could not be written: No space left on device." in said
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_a_data_set_uncropped_and_usable(tmp_path, source, monkeypatch):
    out = tmp_path / "set"
    run("import", source, "--out", out)
    before = (out / manifests.MANIFEST).read_bytes()
    with monkeypatch.context() as patch:
        Full(patch, after=300_000)
        assert "could not be written: No space left" in run("crop", out, code=2)
    assert (out / manifests.MANIFEST).read_bytes() == before
    assert not list((out / "crops").iterdir())
    assert sorted(path.name for path in out.iterdir() if path.name[0] == ".") == []
    run("crop", out)


def test_a_screen_of_no_known_layout_stops_the_crop_by_name(tmp_path, source):
    copy = shutil.copytree(source, tmp_path / "screens")
    moved = np.roll(drawn.screen(View.QPS, 1), 5, axis=1)
    Image.fromarray(moved).save(copy / "Normal" / "1_qps.png")
    out = tmp_path / "set"
    run("import", copy, "--out", out)
    said = run("crop", out, code=2)
    assert "images/1_qps.png is not cropped: the screen's layout is not known" in said
    assert not list((out / "crops").iterdir())


def test_a_screen_that_shows_another_view_than_its_name_says_stops_the_crop(tmp_path, source):
    copy = shutil.copytree(source, tmp_path / "screens")
    Image.fromarray(drawn.screen(View.REST_QGS, 1)).save(copy / "Normal" / "1_qps.png")
    run("import", copy, "--out", tmp_path / "set")
    assert "1_qps.png is named qps but shows rest_qgs." in run("crop", tmp_path / "set", code=2)


def test_training_refuses_what_is_not_cropped_or_not_split(tmp_path, source):
    run("import", source, "--out", tmp_path / "set")
    with pytest.raises(PerfuscopeError, match="has patients without crops"):
        datasets.verified(tmp_path / "set")
    run("crop", tmp_path / "set")
    with pytest.raises(PerfuscopeError, match="is not split: run perfuscope dataset split"):
        datasets.verified(tmp_path / "set")


def test_a_changed_file_is_named(own):
    path = own / "crops" / "3_qps.png"
    path.write_bytes(path.read_bytes() + b"\0")
    assert "crops/3_qps.png is not the file that manifest.json names" in run("verify", own, code=1)
    with pytest.raises(PerfuscopeError, match=r"3_qps\.png is not the file"):
        datasets.verified(own)


def test_a_missing_file_is_named(own):
    (own / "crops" / "3_qps.png").unlink()
    assert "crops/3_qps.png cannot be read: No such file" in run("verify", own, code=1)


def test_a_patient_who_is_there_twice_is_named(own):
    edited(own, lambda document: document["patients"].append({**document["patients"][0], "subset": "test"}))
    first = json.loads((own / "manifest.json").read_text())["patients"][0]["id"]
    assert f"Patient {first} is in manifest.json 2 times." in run("verify", own, code=1)


def copied(many, home, alter):
    """The class folders with patient 1 there again as patient 99, altered."""
    copy = shutil.copytree(many, home / "screens")
    for view, name in zip(REQUIRED_VIEWS, ("qps", "sqgs", "rqgs"), strict=True):
        alter(Image.fromarray(drawn.screen(view, 1)), copy / "Normal" / f"99_{name}")
    return copy


def encoded_again(image, path):
    image.save(path.with_suffix(".jpg"), quality=90)


def brightened(image, path):
    bright = np.clip(np.asarray(image).astype(float) * 1.04, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(path.with_suffix(".png"), compress_level=1)


@pytest.mark.parametrize("alter", [encoded_again, brightened])
def test_one_patient_under_two_ids_stays_in_one_subset(tmp_path, many, alter):
    out = tmp_path / "set"
    run("import", copied(many, tmp_path, alter), "--out", out)
    run("crop", out)
    assert "the same under 2 ids, kept together: 1, 99" in run("split", out, *SPLIT)
    data = datasets.verified(out)
    subsets = dict(zip(data.patients, data.subset.tolist(), strict=True))
    assert subsets["1"] == subsets["99"]
    other = "test" if subsets["1"] == "train" else "train"
    edited(out, lambda doc: next(p for p in doc["patients"] if p["id"] == "99").update(subset=other))
    assert f"99 in {other} show the same (qps, stress_qgs, rest_qgs)" in run("verify", out, code=1)


def test_one_patient_with_two_labels_under_two_ids_is_refused(tmp_path, many):
    copy = shutil.copytree(many, tmp_path / "screens")
    for view, name in zip(REQUIRED_VIEWS, ("qps", "sqgs", "rqgs"), strict=True):
        Image.fromarray(drawn.screen(view, 1)).save(copy / "ischemia" / f"99_{name}.png", compress_level=1)
    run("import", copy, "--out", tmp_path / "set")
    run("crop", tmp_path / "set")
    said = run("split", tmp_path / "set", *SPLIT, code=2)
    assert "crops/1_qps.png and crops/99_qps.png show the same but are called normal and ischemia." in said


def test_a_hash_changes_little_when_a_picture_is_encoded_again_and_much_between_patients():
    one, other = drawn.screen(View.QPS, 1)[:, 340:680], drawn.screen(View.QPS, 2)[:, 340:680]
    buffer = io.BytesIO()
    Image.fromarray(one).save(buffer, "JPEG", quality=60)
    again = pictures.decoded(buffer.getvalue(), Path("again.jpg"))
    first, second, third = (duplicates.perceptual_hash(pixels) for pixels in (one, again, other))
    near, far = duplicates.distances(first, [second, third])
    assert near < 0.5 * duplicates.SAME
    assert far > 1.3 * duplicates.SAME


def test_too_few_patients_of_a_class_are_told_by_its_name(tmp_path, source):
    run("import", source, "--out", tmp_path / "set")
    run("crop", tmp_path / "set")
    assert "1 patients with normal are too few to split." in run("split", tmp_path / "set", code=2)


@pytest.mark.parametrize("shares", ["55/20", "60/20/30", "a/b/c", "0/50/50"])
def test_shares_that_are_none_are_refused(own, shares):
    assert f"--shares {shares}" in run("split", own, "--shares", shares, code=2)


def test_show_fits_a_terminal(own):
    said = told("show", own)
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "train" in said
    assert "layouts: qps-qgs-1280 1" in said
    assert "made by: dataset split --shares 34/33/33 --seed 3" in said


def test_a_manifest_that_is_none_is_refused_in_a_sentence(own):
    edited(own, lambda document: document["patients"][0].update(label="healthy"))
    with pytest.raises(PerfuscopeError, match=r"manifest\.json is not a manifest of schema 1: patients\.0\.label"):
        datasets.read(own)


def test_a_manifest_may_not_lead_out_of_its_folder(own):
    edited(own, lambda doc: doc["patients"][0]["views"]["qps"]["crop"].update(file="crops/../../secret.png"))
    with pytest.raises(PerfuscopeError, match="must be a file in images, crops or candidates"):
        datasets.read(own)


def test_labels_are_those_of_the_folders(ready):
    patients = {patient.id: patient.label for patient in manifests.load(ready).patients}
    assert [patients[str(k)] for k in (1, 4, 7)] == [Label.NORMAL, Label.ISCHEMIA, Label.INFARCTION]
