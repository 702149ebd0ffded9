"""Nobody, and no picture, is in two subsets."""

import io
import shutil
from pathlib import Path

import drawn
import numpy as np
import pytest
from dataset_command import SPLIT, edited, run
from PIL import Image

from core.types import REQUIRED_VIEWS, View
from training import datasets
from training.datasets import duplicates, pictures


def test_the_same_seed_splits_alike_and_another_does_not(own_set):
    before = datasets.read(own_set).subset
    run("split", own_set, *SPLIT)
    assert (datasets.read(own_set).subset == before).all()
    run("split", own_set, "--shares", "34/33/33", "--seed", 4)
    assert (datasets.read(own_set).subset != before).any()


def encoded_again(image, path):
    image.save(path.with_suffix(".jpg"), quality=90)


def brightened(image, path):
    bright = np.clip(np.asarray(image).astype(float) * 1.04, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(path.with_suffix(".png"), compress_level=1)


def test_one_patient_under_several_ids_stays_in_one_subset(tmp_path, class_folders_of_nine):
    """Patient 1 is there again as 98, encoded anew, and as 99, brightened: each is found to be the same as 1."""
    copy = shutil.copytree(class_folders_of_nine, tmp_path / "screens")
    for view, name in zip(REQUIRED_VIEWS, ("qps", "sqgs", "rqgs"), strict=True):
        for number, alter in ((98, encoded_again), (99, brightened)):
            alter(Image.fromarray(drawn.screen(view, 1)), copy / "Normal" / f"{number}_{name}")
    out = tmp_path / "set"
    run("import", copy, "--out", out)
    run("crop", out)
    assert "the same under 3 ids, kept together: 1, 98, 99" in run("split", out, *SPLIT)
    data = datasets.verified(out)
    subsets = dict(zip(data.patients, data.subset.tolist(), strict=True))
    assert subsets["1"] == subsets["98"] == subsets["99"]
    other = "test" if subsets["1"] == "train" else "train"
    split = (out / "manifest.json").read_text()
    for number in ("98", "99"):
        edited(
            out, lambda doc, number=number: next(p for p in doc["patients"] if p["id"] == number).update(subset=other)
        )
        assert f"{number} in {other} show the same (qps, stress_qgs, rest_qgs)" in run("verify", out, code=1)
        (out / "manifest.json").write_text(split)


def test_one_patient_with_two_labels_under_two_ids_is_refused(tmp_path, class_folders_of_nine):
    copy = shutil.copytree(class_folders_of_nine, tmp_path / "screens")
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


def test_too_few_patients_of_a_class_are_told_by_its_name(tmp_path, class_folders_of_three):
    run("import", class_folders_of_three, "--out", tmp_path / "set")
    run("crop", tmp_path / "set")
    assert "1 patients with normal are too few to split." in run("split", tmp_path / "set", code=2)


@pytest.mark.parametrize("shares", ["55/20", "60/20/30", "a/b/c", "0/50/50"])
def test_shares_that_are_none_are_refused(own_set, shares):
    assert f"--shares {shares}" in run("split", own_set, "--shares", shares, code=2)
