"""A de-identified screen: known by the same layout, the same crop, and nothing else of the picture."""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit

from core.errors import Rejected
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.decode import decode
from dicom_node.deidentify import Dates, Key, Refusal, clean_screen, export_object
from dicom_node.deidentify.pixels import kept, paint
from dicom_node.prepare import Listed, Prepared, prepare
from training.phantom import cohort
from training.phantom.dicom import datasets
from training.phantom.pages import PAGES

KEY = Key(bytes(range(32)))
SHIPPED = layouts.shipped()
SCREENS = [(name, view) for name in PAGES for view in View]


@pytest.fixture(scope="module")
def studies() -> dict[str, list[Dataset]]:
    return {name: datasets(cohort.simulate(11, 3, layout=name)) for name in PAGES}


@pytest.fixture
def screen(studies, request) -> Dataset:
    name, view = getattr(request, "param", SCREENS[0])
    return studies[name][list(View).index(view)]


def copied(ds: Dataset) -> Dataset:
    """A data set with the same elements, to put others in."""
    made = Dataset()
    for element in ds:
        made.add_new(element.tag, element.VR, element.value)
    made.file_meta = ds.file_meta
    return made


def prepared(ds: Dataset, path) -> Prepared | Listed:
    ds.save_as(path, enforce_file_format=True)
    return prepare(path, layouts=SHIPPED)


@pytest.mark.parametrize("screen", SCREENS, indirect=True)
def test_a_cleaned_screen_is_prepared_to_the_same_view_and_crop(screen, tmp_path):
    before = prepared(screen, tmp_path / "before.dcm")
    exported = export_object(tmp_path / "before.dcm", layouts=SHIPPED, key=KEY)
    after = prepared(exported.ds, tmp_path / "after.dcm")
    assert exported.view == after.view == before.view
    assert after.crop.sha256 == before.crop.sha256
    assert (after.layout_name, after.rule_rank) == (before.layout_name, before.rule_rank)


@pytest.mark.parametrize("screen", SCREENS, indirect=True)
def test_kept_pixels_are_the_source_s_and_all_others_come_from_the_layout_alone(screen):
    scrawled = decode(screen).copy()
    match = layouts.recognise(scrawled, SHIPPED)
    inside = kept(match.layout, match.screen)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, scrawled.shape, np.uint8)
    frame = clean_screen(screen, SHIPPED).ds
    painted = np.frombuffer(frame.PixelData, np.uint8).reshape(scrawled.shape)
    assert np.array_equal(painted[inside], scrawled[inside])
    ring = np.all(painted == match.layout.ring.colour, axis=2)
    captions = np.zeros_like(inside)
    for caption in match.screen.captions:
        captions[caption.box.slices] = caption.template
    assert not painted[~inside & ~ring & ~captions].any()
    outside = np.where(inside[..., None], scrawled, noise)
    assert np.array_equal(paint(outside, match), painted)


def test_the_output_is_a_plain_uncompressed_colour_image(screen, tmp_path):
    dressed = copied(screen)
    icon = Dataset()
    icon.PixelData = b"ZQICON"
    dressed.IconImageSequence = Sequence([icon])
    dressed.ICCProfile, dressed.WindowCenter, dressed.RescaleSlope = b"ZQICCX", "40", "2"
    dressed.WindowCenterWidthExplanation = "ZQEXPLANATION"
    dressed.add_new(0x60003000, "OW", b"ZQOVERLAY ")
    exported = export_object(dressed, layouts=SHIPPED, key=KEY)
    exported.ds.save_as(tmp_path / "clean.dcm", enforce_file_format=True)
    assert b"ZQ" not in (tmp_path / "clean.dcm").read_bytes()
    clean = dcmread(tmp_path / "clean.dcm")
    assert clean.file_meta.TransferSyntaxUID.is_little_endian
    assert not clean.file_meta.TransferSyntaxUID.is_compressed
    assert (clean.PhotometricInterpretation, clean.BitsAllocated, clean.PlanarConfiguration) == ("RGB", 8, 0)
    assert clean.pixel_array.shape == (clean.Rows, clean.Columns, 3)
    assert clean.BurnedInAnnotation == "NO"
    assert [code.CodeValue for code in clean.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert "WindowCenter" not in clean


def test_a_lossy_screen_keeps_its_history(screen, tmp_path):
    file = io.BytesIO()
    Image.fromarray(decode(screen)).save(file, "JPEG", quality=90, subsampling=0)
    lossy = copied(screen)
    lossy.file_meta = FileMetaDataset()
    lossy.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    lossy.PixelData = encapsulate([file.getvalue()])
    lossy["PixelData"].is_undefined_length = True
    lossy.PhotometricInterpretation = "YBR_FULL"
    clean = export_object(lossy, layouts=SHIPPED, key=KEY).ds
    assert clean.LossyImageCompression == "01"
    assert clean.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(clean.LossyImageCompressionRatio) > 5
    assert prepared(clean, tmp_path / "clean.dcm").view == View.QPS


@pytest.mark.parametrize(
    ("said", "expected"),
    [("QPS", "QPS de-identified"), ("QPS CTAC", "QPS AC de-identified"), ("QPS NAC", "QPS NAC de-identified")],
)
def test_the_new_description_claims_no_more_correction_than_the_old(screen, said, expected, tmp_path):
    named = copied(screen)
    named.SeriesDescription = f"{said} INVENTED^SOMEBODY"
    clean = export_object(named, layouts=SHIPPED, key=KEY).ds
    assert clean.SeriesDescription == expected
    listed = isinstance(prepared(clean, tmp_path / "clean.dcm"), Listed)
    assert listed == ("NAC" in said)


def test_an_unknown_screen_is_refused(screen):
    other = copied(screen)
    other.PixelData = bytes(len(screen.PixelData))
    with pytest.raises(Rejected) as caught:
        export_object(other, layouts=SHIPPED, key=KEY)
    assert caught.value.reason == Reason.UNKNOWN_LAYOUT


def test_header_and_pixels_that_differ_are_refused(screen):
    other = copied(screen)
    other.SeriesDescription = "Rest QGS AC"
    with pytest.raises(Rejected) as caught:
        export_object(other, layouts=SHIPPED, key=KEY)
    assert caught.value.reason == Reason.VIEW_MISMATCH


def test_text_that_an_engine_finds_in_what_is_kept_refuses_the_object(studies):
    for ds in next(iter(studies.values()))[:3]:
        with pytest.raises(Rejected) as caught:
            export_object(ds, layouts=SHIPPED, key=KEY, engine=lambda crop, layout: crop.pixels.any())
        assert caught.value.detail == Refusal.TEXT_FOUND
        assert export_object(ds, layouts=SHIPPED, key=KEY, engine=lambda crop, layout: 0)


def test_references_within_a_study_resolve_and_its_objects_stay_one_patient_s(studies):
    study = next(iter(studies.values()))
    raw, shown = study[-1], copied(study[0])
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = raw.SOPClassUID, raw.SOPInstanceUID
    shown.SourceImageSequence = Sequence([source])
    shown.FrameOfReferenceUID = raw.FrameOfReferenceUID
    out = [export_object(ds, layouts=SHIPPED, key=KEY, dates=Dates.MODIFIED).ds for ds in (shown, *study[1:])]
    assert out[0].SourceImageSequence[0].ReferencedSOPInstanceUID == out[-1].SOPInstanceUID != raw.SOPInstanceUID
    assert out[0].SourceImageSequence[0].ReferencedSOPClassUID == raw.SOPClassUID
    assert out[0].FrameOfReferenceUID == out[-1].FrameOfReferenceUID != raw.FrameOfReferenceUID
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert len({str(ds[keyword].value) for ds in out}) == 1
    assert len({ds.SOPInstanceUID for ds in out}) == 4
