"""Preparing: header and pixels must agree on a view, and only the crop comes out."""

import io
import re
import time
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from core.errors import Rejected, SettingsError, Unavailable
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.prepare import (
    Listed,
    Prepared,
    is_candidate,
    prepare,
    screen,
)
from dicom_node.rules import DEFAULT_RULES, ViewRule
from training.phantom.cohort import simulate
from training.phantom.dicom import write_study

LAYOUTS = layouts.shipped()
LAYOUT = LAYOUTS[0]
COLOURS = LAYOUT.palette.table()
NAME = "PHANTOM^ALDER"
DESCRIPTIONS = {View.QPS: "AC QPS", View.STRESS_QGS: "AC STRESS QGS", View.REST_QGS: "AC REST QGS"}


def standin(view: View) -> RgbImage:
    """A screen drawn from the layout itself: maps in two colours each, rings, the caption."""
    pixels = np.zeros((LAYOUT.rows, LAYOUT.columns, 3), np.uint8)
    y, x = np.mgrid[: LAYOUT.rows, : LAYOUT.columns]
    drawn = next(drawn for drawn in LAYOUT.views if drawn.view is view)
    for level, panel in enumerate(drawn.panels):
        r = np.hypot(x - panel.centre[0], y - panel.centre[1])
        pixels[r <= panel.radius + LAYOUT.ring.width] = LAYOUT.ring.colour
        pixels[r <= panel.radius] = COLOURS[190 + 10 * level]
        pixels[(r <= panel.radius) & (y > panel.centre[1])] = COLOURS[60 + 30 * level]
    for caption in drawn.captions:
        pixels[caption.box.slices][caption.template] = 210
    return pixels


SCREENS = {view: standin(view) for view in View}


def dataset(pixels: RgbImage, description: str | None, **changes: Any) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID("2.25.7")
    ds.PatientName, ds.PatientID, ds.Modality = NAME, "SIM-000007", "OT"
    if description is not None:
        ds.SeriesDescription = description
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def write(ds: Dataset, folder: Path) -> Path:
    path = folder / "object.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def stored(folder: Path, view: View, description: str | None = None, **changes: Any) -> Path:
    return write(dataset(SCREENS[view], description or DESCRIPTIONS[view], **changes), folder)


def refused(path: Path) -> Rejected:
    with pytest.raises(Rejected) as caught:
        prepare(path, layouts=LAYOUTS)
    assert NAME not in str(caught.value)
    assert "SIM-000007" not in str(caught.value)
    return caught.value


def prepared(path: Path) -> Prepared:
    result = prepare(path, layouts=LAYOUTS)
    assert isinstance(result, Prepared)
    return result


@pytest.mark.parametrize("view", View)
def test_a_screen_whose_header_and_pixels_agree_is_prepared(view: View, tmp_path: Path) -> None:
    result = prepared(stored(tmp_path, view))
    assert (result.view, result.layout_name, result.layout_version) == (view, "qps-qgs-1280", 1)
    match, crop = screen(SCREENS[view], layouts=LAYOUTS)
    assert match.view is view
    assert result.crop.sha256 == crop.sha256


@pytest.mark.parametrize("rle", [False, True])
def test_simulated_studies_are_prepared(tmp_path: Path, rle: bool) -> None:
    patient = simulate(5, 2)
    written = write_study(patient, tmp_path, rle=rle)
    screens = [path for path in written if path.stem in set(View)]
    results = [prepared(path) for path in screens]
    assert {result.view for result in results} == set(View)
    for result in results:
        assert result.crop.sha256 == screen(patient.screens[result.view], layouts=LAYOUTS)[1].sha256
        assert re.fullmatch(r"\d{14}\.\d{6}", result.acquired_at)


@pytest.mark.parametrize(
    ("description", "view"),
    [
        ("AC QPS (clear)", View.QPS),
        ("qps", View.QPS),
        ("Stress QGS (clear)", View.STRESS_QGS),
        ("QGS_STRESS_AC", View.STRESS_QGS),
        ("AC REST-QGS", View.REST_QGS),
        ("QGS Rest gated", View.REST_QGS),
    ],
)
def test_descriptions_that_archives_write_are_understood(description: str, view: View, tmp_path: Path) -> None:
    assert prepared(stored(tmp_path, view, description)).view is view


@pytest.mark.parametrize(
    "description",
    ["NAC QPS", "QPS nac", "NC_REST_QGS", "QPS non-corrected", "QPS (Non Corrected)", "uncorrected QPS", "QPS no AC",
     "QPS without attenuation correction", "QPS non-attenuation-corrected", "QPS NON-AC", "QPS not corrected"],
)  # fmt: skip
def test_what_is_not_attenuation_corrected_is_listed(description: str, tmp_path: Path) -> None:
    result = prepare(stored(tmp_path, View.QPS, description), layouts=LAYOUTS)
    assert isinstance(result, Listed)
    assert result.reason is Reason.NOT_CORRECTED


@pytest.mark.parametrize(
    "description", ["AC QPS synchronous", "QPS Nacht", "QPS francs", "AC QPS corrected", "QPS ncx"]
)
def test_words_that_only_look_like_it_do_not_list_a_screen(description: str, tmp_path: Path) -> None:
    assert prepared(stored(tmp_path, View.QPS, description)).view is View.QPS


@pytest.mark.parametrize("description", ["AC REST QGS", "AC QPS"])
def test_a_mislabelled_screen_goes_to_quarantine(description: str, tmp_path: Path) -> None:
    error = refused(stored(tmp_path, View.STRESS_QGS, description))
    assert error.reason is Reason.VIEW_MISMATCH


@pytest.mark.parametrize("description", ["Dose report", "Display AC", "QGSX RESTING", "PRESTRESS_2"])
def test_a_known_screen_that_the_header_does_not_name_goes_to_quarantine(description: str, tmp_path: Path) -> None:
    error = refused(stored(tmp_path, View.STRESS_QGS, description))
    assert (error.reason, error.detail) == (Reason.VIEW_MISMATCH, "header names none, pixels stress_qgs")


def test_a_screen_without_a_description_goes_to_quarantine(tmp_path: Path) -> None:
    path = write(dataset(SCREENS[View.QPS], None), tmp_path)
    assert refused(path).reason is Reason.VIEW_MISMATCH


def test_a_named_screen_of_an_unknown_layout_goes_to_quarantine(tmp_path: Path) -> None:
    shifted = np.roll(SCREENS[View.QPS], 5, axis=0)
    assert refused(write(dataset(shifted, "AC QPS"), tmp_path)).reason is Reason.UNKNOWN_LAYOUT


def test_a_named_screen_of_another_size_goes_to_quarantine(tmp_path: Path) -> None:
    smaller = np.ascontiguousarray(SCREENS[View.QPS][:-10])
    assert refused(write(dataset(smaller, "AC QPS"), tmp_path)).reason is Reason.WRONG_SIZE


@pytest.mark.parametrize(("rows", "reason"), [(1024, Reason.UNKNOWN_LAYOUT), (512, Reason.WRONG_SIZE)])
def test_another_capture_is_listed(rows: int, reason: Reason, tmp_path: Path) -> None:
    result = prepare(write(dataset(np.full((rows, 1280, 3), 40, np.uint8), "Dose report"), tmp_path), layouts=LAYOUTS)
    assert isinstance(result, Listed)
    assert result.reason is reason


def test_several_frames_are_no_screen(tmp_path: Path) -> None:
    small = np.zeros((64, 64, 3), np.uint8)
    double = dataset(small, "AC QPS", NumberOfFrames=2, PixelData=small.tobytes() * 2)
    assert refused(write(double, tmp_path)).detail == "several frames"


def test_a_compressed_screen_is_prepared_alike(tmp_path: Path) -> None:
    plain = prepared(stored(tmp_path, View.REST_QGS)).crop.sha256
    ds = dataset(SCREENS[View.REST_QGS], "AC REST QGS")
    ds.compress(RLELossless, generate_instance_uid=False)
    assert prepared(write(ds, tmp_path)).crop.sha256 == plain


def test_a_lossy_screen_is_still_recognised(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(SCREENS[View.STRESS_QGS]).save(buffer, "JPEG", quality=90)
    ds = dataset(SCREENS[View.STRESS_QGS], "AC STRESS QGS", PhotometricInterpretation="YBR_FULL_422")
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([buffer.getvalue()])
    ds["PixelData"].is_undefined_length = True
    assert prepared(write(ds, tmp_path)).view is View.STRESS_QGS


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, ""),
        ({"AcquisitionDateTime": "20260102030405.5+0200"}, "20260102030405.500000"),
        ({"AcquisitionDateTime": "2026", "ContentDate": "20260103"}, "20260103000000.000000"),
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "0304"}, "20260102030400.000000"),
        ({"AcquisitionTime": "0304", "SeriesDate": "20260104", "SeriesTime": "010203.25"}, "20260104010203.250000"),
        ({"ContentDate": "20260102", "ContentTime": "101112", "SeriesDate": "20260109"}, "20260102101112.000000"),
    ],
)
def test_the_time_of_acquisition_is_found(times: dict[str, str], expected: str, tmp_path: Path) -> None:
    result = prepared(stored(tmp_path, View.QPS, **times))
    assert result.acquired_at == expected
    assert not expected or expected not in repr(result)


def test_times_compare_as_texts() -> None:
    moments = ["", "20260102000000.000000", "20260102030405.000000", "20260102030405.500000"]
    assert moments == sorted(moments)
    assert all(re.fullmatch(r"\d{14}\.\d{6}", moment) for moment in moments[1:])


def test_rules_are_tried_in_order_over_any_keyword(tmp_path: Path) -> None:
    rules = (
        ViewRule(View.QPS, {"SeriesDescription": "perfusion", "StationName": "^CAM1$"}),
        ViewRule(View.QPS, {"ProtocolName": "perfusion"}),
    )
    path = write(dataset(SCREENS[View.QPS], None, ProtocolName="Perfusion 2"), tmp_path)
    result = prepare(path, layouts=LAYOUTS, rules=rules)
    assert isinstance(result, Prepared)
    assert result.rule_rank == 1


def test_a_rule_sees_all_values_of_an_attribute(tmp_path: Path) -> None:
    rules = (ViewRule(View.QPS, {"ImageType": r"SECONDARY\\.*SCREEN"}),)
    path = write(dataset(SCREENS[View.QPS], None, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]), tmp_path)
    assert isinstance(prepare(path, layouts=LAYOUTS, rules=rules), Prepared)


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({}, "at least one DICOM keyword"),
        ({"SeriesDescrption": "qps"}, "SeriesDescrption is not a DICOM keyword"),
        ({"SeriesDescription": "(qps"}, "is not a regular expression"),
    ],
)
def test_a_wrong_rule_is_refused_with_a_sentence(keywords: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        ViewRule(View.QPS, keywords)


def test_the_first_default_rule_lists_what_is_not_corrected() -> None:
    each = [View.STRESS_QGS, View.REST_QGS, View.QPS]
    assert [rule.view for rule in DEFAULT_RULES] == [None, *each, *each]


def test_candidates_are_secondary_captures() -> None:
    assert is_candidate("1.2.840.10008.5.1.4.1.1.7")
    assert is_candidate("1.2.840.10008.5.1.4.1.1.7.4")
    assert not is_candidate("1.2.840.10008.5.1.4.1.1.20")
    assert not is_candidate("1.2.840.10008.5.1.4.1.1.7.1")


@pytest.mark.parametrize("content", [b"", b"DICM", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM\2\0\0\0UL\4\0"])
def test_what_is_no_dicom_file_is_undecodable(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(content)
    assert refused(path).reason is Reason.UNDECODABLE


def test_a_truncated_file_is_undecodable(tmp_path: Path) -> None:
    path = stored(tmp_path, View.QPS)
    path.write_bytes(path.read_bytes()[:-5000])
    assert refused(path).reason is Reason.UNDECODABLE


def test_a_missing_file_is_to_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="file_unreadable"):
        prepare(tmp_path / "object.dcm", layouts=LAYOUTS)


def test_a_deflated_file_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    ds = dataset(np.zeros((5000, 4000, 3), np.uint8), "AC QPS")
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = write(ds, tmp_path)
    started = time.thread_time()
    assert refused(path).detail == "transfer syntax not supported"
    assert time.thread_time() - started < 0.1


def test_sequences_nested_without_end_are_undecodable(tmp_path: Path) -> None:
    path = stored(tmp_path, View.QPS)
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    content = path.read_bytes()
    start = content.index(b"\x08\x00\x16\x00UI")
    path.write_bytes(content[:start] + opening * 3000 + content[start:])
    assert refused(path).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("element", [b"\x10\x00\x10\x00PN", b"\xe0\x7f\x10\x00OB"])
def test_a_length_that_lies_does_not_fetch_gigabytes(element: bytes, tmp_path: Path) -> None:
    path = stored(tmp_path, View.QPS)
    content = path.read_bytes()
    start = content.index(element)
    path.write_bytes(content[:start] + element[:4] + b"OB\0\0\xfe\xff\xff\xff" + content[start + 12 :])
    tracemalloc.start()
    with suppress(Rejected):  # the pixels may be all there in spite of it
        prepare(path, layouts=LAYOUTS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(content)


def _small_file() -> bytes:
    ds = dataset(np.full((16, 16, 3), 90, np.uint8), "AC QPS", AcquisitionDateTime="20260102030405")
    ds.ReferencedImageSequence = Sequence([Dataset()])
    ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "2.25.8"
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


SMALL = _small_file()


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(128, 900), st.integers(0, 255)), min_size=1, max_size=8),
    length=st.integers(0, 900),
)
def test_a_mutated_file_is_listed_or_rejected(
    changes: list[tuple[int, int]], length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(SMALL)
    for place, value in changes:
        content[place] = value
    path = tmp_path_factory.getbasetemp() / "mutated.dcm"
    path.write_bytes(content[: len(content) - length])
    try:
        result = prepare(path, layouts=LAYOUTS)
    except Rejected:
        return
    assert isinstance(result, Listed)


def test_pydicoms_warnings_do_not_come_out(tmp_path: Path) -> None:
    ds = dataset(SCREENS[View.QPS], "AC QPS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.PatientBirthDate = "PHANTOM"
        ds.AcquisitionDate = "not a date"
        path = write(ds, tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert prepared(path).acquired_at == ""
    assert caught == []


@pytest.mark.filterwarnings("ignore:The value length:UserWarning")
def test_a_description_of_any_length_is_judged_at_once() -> None:
    ds = dataset(SCREENS[View.QPS], "a" * 60_000)
    started = time.process_time()
    assert not any(rule.matches(ds) for rule in DEFAULT_RULES)
    assert time.process_time() - started < 1
