"""A data set is written whole or not at all, and what stopped it is one sentence."""

import errno
import re
import shutil
from pathlib import Path

import drawn
import numpy as np
import pytest
from dataset_command import run, told
from PIL import Image

from core.errors import PerfuscopeError
from core.types import View
from training import datasets
from training.datasets import manifest as manifests


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
def test_bad_input_is_one_sentence_that_names_the_file_and_leaves_nothing(tmp_path, class_folders_of_three, spoil):
    copy = shutil.copytree(class_folders_of_three, tmp_path / "screens")
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


def test_a_full_disk_names_the_file_and_leaves_no_data_set(tmp_path, class_folders_of_three, monkeypatch):
    Full(monkeypatch, after=300_000)
    said = run("import", class_folders_of_three, "--out", tmp_path / "set", code=2)
    assert ".png could not be written: No space left on device." in said
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_a_data_set_uncropped_and_usable(tmp_path, class_folders_of_three, monkeypatch):
    out = tmp_path / "set"
    run("import", class_folders_of_three, "--out", out)
    before = (out / manifests.MANIFEST).read_bytes()
    with monkeypatch.context() as patch:
        Full(patch, after=300_000)
        assert "could not be written: No space left" in run("crop", out, code=2)
    assert (out / manifests.MANIFEST).read_bytes() == before
    assert not list((out / "crops").iterdir())
    assert sorted(path.name for path in out.iterdir() if path.name[0] == ".") == []
    run("crop", out)


def test_a_screen_of_no_known_layout_stops_the_crop_by_name(tmp_path, class_folders_of_three):
    copy = shutil.copytree(class_folders_of_three, tmp_path / "screens")
    moved = np.roll(drawn.screen(View.QPS, 1), 5, axis=1)
    Image.fromarray(moved).save(copy / "Normal" / "1_qps.png")
    out = tmp_path / "set"
    run("import", copy, "--out", out)
    said = run("crop", out, code=2)
    assert "images/1_qps.png is not cropped: the screen's layout is not known" in said
    assert not list((out / "crops").iterdir())


def test_a_screen_that_shows_another_view_than_its_name_says_stops_the_crop(tmp_path, class_folders_of_three):
    copy = shutil.copytree(class_folders_of_three, tmp_path / "screens")
    Image.fromarray(drawn.screen(View.REST_QGS, 1)).save(copy / "Normal" / "1_qps.png")
    run("import", copy, "--out", tmp_path / "set")
    assert "1_qps.png is named qps but shows rest_qgs." in run("crop", tmp_path / "set", code=2)


def test_training_refuses_what_is_not_cropped_or_not_split(tmp_path, class_folders_of_three):
    run("import", class_folders_of_three, "--out", tmp_path / "set")
    with pytest.raises(PerfuscopeError, match="has patients without crops"):
        datasets.verified(tmp_path / "set")
    run("crop", tmp_path / "set")
    with pytest.raises(PerfuscopeError, match="is not split: run perfuscope dataset split"):
        datasets.verified(tmp_path / "set")
