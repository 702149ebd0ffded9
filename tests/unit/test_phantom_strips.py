"""The second page: recognised as itself, cropped to the same tiles, and nothing of its strips survives."""

import io
import itertools
import subprocess
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from cli.simulate import Layout as LayoutChoice
from core.errors import PerfuscopeError, Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.prepare import Prepared, prepare
from models.preprocess import resize
from training.phantom import dicom, strips
from training.phantom.cohort import SimulatedPatient, simulate
from training.phantom.dicom import write_study
from training.phantom.pages import PAGES

NAME = "strips-1024"
KNOWN = layouts.shipped()
STRIPS = next(layout for layout in KNOWN if layout.name == NAME)


def as_jpeg(pixels: RgbImage, quality: int) -> RgbImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@pytest.fixture(scope="module")
def patients() -> list[SimulatedPatient]:
    return [simulate(31, index, layout=NAME) for index in range(3)]


def test_every_page_has_its_layout_and_every_choice_its_page() -> None:
    assert list(PAGES) == [layout.name for layout in KNOWN] == [choice.value for choice in LayoutChoice]
    with pytest.raises(
        PerfuscopeError, match="there are qps-qgs-1280, qps-qgs-1280-hot, strips-1024, strips-1024-rainbow"
    ):
        simulate(1, 0, layout="strips")


def test_all_pages_are_known_and_never_taken_for_each_other(patients: list[SimulatedPatient]) -> None:
    """As they are, and after JPEG of two qualities."""
    for patient, name, view in itertools.product(patients, PAGES, View):
        pixels = PAGES[name].draw(view, patient.examination)
        for quality in (None, 90, 75):
            match = layouts.recognise(as_jpeg(pixels, quality) if quality else pixels, KNOWN)
            assert (match.name, match.view) == (name, view), quality


def test_a_page_in_the_other_pages_size_is_unknown(patients: list[SimulatedPatient]) -> None:
    first = simulate(31, 0).screens[View.QPS]
    other = np.zeros_like(first)
    other[:, :1024] = patients[0].screens[View.QPS]
    for wrong in (other, np.ascontiguousarray(first[:, :1024])):
        with pytest.raises(Rejected) as caught:
            layouts.recognise(wrong, KNOWN)
        assert caught.value.reason is Reason.UNKNOWN_LAYOUT


def test_nothing_of_the_strips_is_kept(patients: list[SimulatedPatient]) -> None:
    rng = np.random.default_rng(1)
    for view, pixels in patients[0].screens.items():
        match = layouts.recognise(pixels, KNOWN)
        scribbled = pixels.copy()
        for left, top, right, bottom in (strips.TOP_STRIP, strips.BOTTOM_STRIP):
            assert all(not p.touches(layouts.Box(left, top, right, bottom)) for p in match.screen.panels)
            scribbled[top:bottom, left:right] = rng.integers(0, 256, (bottom - top, right - left, 3), np.uint8)
        assert layouts.recognise(scribbled, KNOWN).view is view
        assert layouts.crop(scribbled, match).sha256 == layouts.crop(pixels, match).sha256


def test_who_it_is_and_when_stands_in_the_strips_alone(patients: list[SimulatedPatient]) -> None:
    examination = patients[0].examination
    other = replace(
        examination.identity,
        name="NOBODY^SOMEBODY ELSE",
        patient_id="SIM-S9-999999",
        birth_date=date(1931, 2, 3),
        accession_number="SIM9999999999",
        study_at=datetime(2031, 4, 5, 6, 7),  # noqa: DTZ001 - DICOM dates carry no zone here
    )
    for view, pixels in patients[0].screens.items():
        differs = np.any(strips.draw(view, replace(examination, identity=other)) != pixels, axis=2)
        for left, top, right, bottom in (strips.TOP_STRIP, strips.BOTTOM_STRIP):
            assert differs[top:bottom, left:right].sum() > 100
            differs[top:bottom, left:right] = False
        assert not differs.any()


def test_both_pages_give_the_same_tiles_in_the_same_order(patients: list[SimulatedPatient]) -> None:
    for view, pixels in patients[0].screens.items():
        one, other = (cropped(page) for page in (simulate(31, 0).screens[view], pixels))
        assert list(one.boxes) == list(other.boxes)
        off = np.abs(resize(one.pixels).astype(int) - resize(other.pixels))
        assert off.mean() < 3


def cropped(pixels: RgbImage) -> layouts.Crop:
    return layouts.crop(pixels, layouts.recognise(pixels, KNOWN))


def test_the_page_as_dicom_is_valid_prepared_and_another_study(
    patients: list[SimulatedPatient], tmp_path: Path
) -> None:
    first = dicom.datasets(simulate(31, 0))
    for view, path in zip(View, write_study(patients[0], tmp_path), strict=False):
        found = prepare(path, layouts=KNOWN)
        assert isinstance(found, Prepared)
        assert (found.view, found.layout_name) == (view, NAME)
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        assert not [line for line in (said.stdout + said.stderr).splitlines() if line.startswith(("Error", "Warning"))]
    for one, other in zip(first, dicom.datasets(patients[0]), strict=True):
        assert one.PatientID == other.PatientID
        assert one.ManufacturerModelName != other.ManufacturerModelName == "Phantom with strips"
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert one[keyword].value != other[keyword].value


def test_the_command_draws_the_page_that_was_asked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["simulate", str(tmp_path), "--patients", "1", "--layout", NAME, "--rle", "--png"])
    assert done.exit_code == 0, done.output
    with Image.open(next(tmp_path.rglob("qps.png"))) as picture:
        assert picture.size == (STRIPS.columns, STRIPS.rows) == (strips.SIDE, strips.SIDE)
