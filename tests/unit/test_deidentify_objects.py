"""What is exported and what is not, what an object says of it, and what the last look takes out."""

import numpy as np
import pytest
from planting import header
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    NuclearMedicineImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    XRayRadiationDoseSRStorage,
)

from core.errors import Rejected
from core.types import Reason
from dicom_node.deidentify import Key, LeftoverReport, Pixels, Refusal, deidentify, export_object, exportable
from dicom_node.deidentify.dates import Dates
from dicom_node.deidentify.profile import examined
from dicom_node.deidentify.sheets import sheets

KEY = Key(bytes(range(32)))


def image(**attributes) -> Dataset:
    ds = header()
    ds.SOPInstanceUID, ds.StudyInstanceUID = "1.2.826.0.1.3680043.98.7", "1.2.826.0.1.3680043.98.8"
    ds.PatientName, ds.PatientID = "NIEMANDSEN^IMAGINA", "HOSP-7001"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.NumberOfFrames = 1, "MONOCHROME2", 2
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = np.arange(2 * 64 * 64, dtype="<u2").tobytes()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def refusal(ds: Dataset) -> str:
    with pytest.raises(Rejected) as caught:
        export_object(ds, layouts=(), key=KEY)
    assert caught.value.reason == Reason.NOT_EXPORTABLE
    return caught.value.detail


@pytest.mark.parametrize(
    ("sop_class", "code"),
    [
        (BasicTextSRStorage, Refusal.STRUCTURED_REPORT),
        (XRayRadiationDoseSRStorage, Refusal.STRUCTURED_REPORT),
        (KeyObjectSelectionDocumentStorage, Refusal.KEY_OBJECT_SELECTION),
        (GrayscaleSoftcopyPresentationStateStorage, Refusal.PRESENTATION_STATE),
        (EncapsulatedPDFStorage, Refusal.ENCAPSULATED_DOCUMENT),
        ("1.2.840.113619.4.27", Refusal.UNKNOWN_CLASS),
        ("", Refusal.UNKNOWN_CLASS),
        (NuclearMedicineImageStorage, None),
        (CTImageStorage, None),
        (SecondaryCaptureImageStorage, None),
    ],
)
def test_kinds_of_objects_are_allowed_by_name_or_refused_with_a_code(sop_class, code):
    assert exportable(sop_class) is code
    if code:
        assert refusal(image(SOPClassUID=sop_class)) == code


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY"]}, Refusal.NOT_ORIGINAL),
        ({"ImageType": ["ORIGINAL", "SECONDARY"]}, Refusal.NOT_ORIGINAL),
        ({"ConversionType": "WSD"}, Refusal.NOT_ORIGINAL),
        ({"BurnedInAnnotation": "YES"}, Refusal.BURNED_IN),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, Refusal.NO_PLAIN_PIXELS),
        ({"Rows": 63}, Refusal.NO_PLAIN_PIXELS),
        ({"PixelData": bytes(2 * 2 * 64 * 64) + b"NIEMANDSEN"}, Refusal.NO_PLAIN_PIXELS),
        ({"Modality": "NIEMANDSEN"}, Refusal.LEFTOVER),
    ],
)
def test_an_acquired_image_that_may_show_more_than_it_acquired_is_refused(attributes, code):
    assert refusal(image(**attributes)) == code


@pytest.mark.parametrize("syntax", [RLELossless, ExplicitVRBigEndian])
def test_acquired_pixels_must_be_plain(syntax):
    ds = image()
    ds.file_meta.TransferSyntaxUID = syntax
    assert refusal(ds) == Refusal.SYNTAX


def test_acquired_pixels_are_kept_byte_by_byte_and_called_clean():
    ds = image(BurnedInAnnotation="NO")
    clean = export_object(ds, layouts=(), key=KEY).ds
    assert clean.PixelData == ds.PixelData
    assert clean.BurnedInAnnotation == "NO"
    assert clean.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_text_in_the_unused_bits_of_pixels_goes():
    values = np.arange(2 * 64 * 64, dtype="<u2") % 4096
    ds = image(BitsStored=12, HighBit=11, PixelData=(values | 0x8000).astype("<u2").tobytes())
    clean = export_object(ds, layouts=(), key=KEY).ds
    assert np.array_equal(np.frombuffer(clean.PixelData, "<u2"), values)


def test_a_sign_in_the_unused_bits_stays():
    values = (np.arange(2 * 64 * 64, dtype="<i2") % 4096) - 2048
    ds = image(BitsStored=12, HighBit=11, PixelRepresentation=1, PixelData=values.astype("<i2").tobytes())
    assert export_object(ds, layouts=(), key=KEY).ds.PixelData == ds.PixelData


def test_pixels_nobody_looked_at_are_not_called_clean_whatever_came_in():
    clean = deidentify(image(BurnedInAnnotation="NO"), key=KEY)
    assert "BurnedInAnnotation" not in clean
    assert [code.CodeValue for code in clean.DeidentificationMethodCodeSequence] == ["113100"]
    assert deidentify(image(), key=KEY, pixels=Pixels.CLEAN).BurnedInAnnotation == "NO"


def test_an_object_says_how_it_was_de_identified():
    clean = deidentify(image(DeidentificationMethod="by NIEMANDSEN"), key=KEY)
    assert clean.PatientIdentityRemoved == "YES"
    assert all(len(value) <= 64 for value in clean.DeidentificationMethod)
    assert "NIEMANDSEN" not in str(clean)
    equipment = clean.ContributingEquipmentSequence[-1]
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109104"
    assert equipment.Manufacturer == "Perfuscope"
    assert clean.preamble == bytes(128)


def test_class_uids_stay_and_a_device_class_uid_does_not():
    clean = deidentify(image(ManufacturerDeviceClassUID="1.2.826.0.1.3680043.98.9"), key=KEY)
    assert clean.SOPClassUID == NuclearMedicineImageStorage
    assert clean.ManufacturerDeviceClassUID.startswith("2.25.")
    assert clean.file_meta.MediaStorageSOPInstanceUID == clean.SOPInstanceUID != "1.2.826.0.1.3680043.98.7"


def test_the_same_number_at_two_hospitals_is_two_patients():
    ids = {
        deidentify(image(IssuerOfPatientID=issuer, PatientName=name), key=KEY).PatientID
        for issuer in ("A", "B")
        for name in ("NIEMANDSEN^IMAGINA", "Niemandsen^I")
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    "text",
    [
        "LEHR NIEMANDSEN",
        "lehr niemandsen",
        "xNiemandsenx",
        "Niemands",
        "HOSP 7001",
        "hosp7001",
        "+00 555 0100 200",
        "a.b@invented.example",
        "17.05.1950",
        "1950-05-17",
        "Dr. Pretendson",
        "MRN 7",
        "1.2.826.0.1.3680043.98.8",
        "Utopiaklinik",
    ],
)
def test_what_looks_like_an_identifier_goes_from_a_technical_name_and_is_counted_by_tag(text):
    ds = image(InstitutionName="Utopiaklinik")
    agent = Dataset()
    agent.Radiopharmaceutical = text
    ds.RadiopharmaceuticalInformationSequence = Sequence([agent])
    found = examined(ds, of=ds, key=KEY, dates=Dates.REMOVED, pixels=Pixels.UNKNOWN)
    assert found.ds.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical == "REMOVED"
    assert found.report == LeftoverReport({"(0018,0031)": 1})
    assert text not in f"{found} {found.report.as_dict()}"


@pytest.mark.parametrize(
    "text",
    ["LEHR", "Tc99m 126-154", "STRESS MIBI TOMO", "MR HEAD 12", "MPH_27_45", "4.2.1", "OSEM 2i 21s", "99mTc-MIBI"],
)
def test_technical_words_stay_though_descriptions_use_them(text):
    ds = image(SeriesDescription="STRESS MIBI TOMO LEHR NIEMANDSEN", StudyDescription="Tc99m OSEM HEAD")
    head = Dataset()
    head.CollimatorGridName = text
    ds.DetectorInformationSequence = Sequence([head])
    assert deidentify(ds, key=KEY).DetectorInformationSequence[0].CollimatorGridName == text


def test_names_in_other_scripts_are_found_and_what_is_left_is_unicode():
    ds = image(SpecificCharacterSet="ISO_IR 192", PatientName="Müllerová^Ana=李^伟", EnergyWindowName="µ 140 keV")
    ds.CollimatorGridName, ds.FilterType = "MULLEROVA", "for 李"
    clean = deidentify(ds, key=KEY)
    assert clean.SpecificCharacterSet == "ISO_IR 192"
    assert clean.EnergyWindowName == "µ 140 keV"
    assert (clean.CollimatorGridName, clean.FilterType) == ("REMOVED", "REMOVED")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_character_set_that_is_none_is_not_handed_on():
    assert "SpecificCharacterSet" not in deidentify(image(SpecificCharacterSet="NIEMANDSEN"), key=KEY)


@pytest.mark.parametrize("operator", ["NM", "M^H", "PRIMARY^T", "Head^Axial"])
def test_a_name_that_is_also_a_code_word_costs_no_image(operator):
    clean = export_object(image(OperatorsName=operator), layouts=(), key=KEY).ds
    assert (clean.Modality, clean.ImageType[1], clean.BodyPartExamined) == ("NM", "PRIMARY", "HEART")


def test_pixels_and_tables_in_items_do_not_stay():
    item = Dataset()
    for keyword in ("PixelData", "LUTData"):
        setattr(item, keyword, b"PICTURE OF A NAME ")
        item[keyword].VR = "OW"
    ds = image(EnergyWindowInformationSequence=[item], AnatomicRegionSequence=[item])
    made = export_object(ds, layouts=(), key=KEY).ds
    assert not any(
        k in one
        for s in ("EnergyWindowInformationSequence", "AnatomicRegionSequence")
        for one in made[s]
        for k in item.dir()
    )
    assert made.PixelData == ds.PixelData


def test_a_second_picture_beside_the_pixels_does_not_stay():
    made = export_object(image(FloatPixelData=bytes(16), DoubleFloatPixelData=bytes(16)), layouts=(), key=KEY).ds
    assert "FloatPixelData" not in made
    assert "DoubleFloatPixelData" not in made


def test_every_frame_of_a_raw_image_is_on_a_sheet_to_be_read():
    frames = np.arange(40, dtype=np.uint16)[:, None, None] * 100 + np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    shown = list(sheets(frames))
    assert sum(int((sheet[..., 0] == 255).any(axis=None)) for sheet in shown) == len(shown)
    assert sum(int(np.count_nonzero(sheet[..., 0] == 255)) for sheet in shown) == len(frames) * int(
        (frames[0] == frames[0].max()).sum()
    )
    assert list(sheets(np.zeros((3, 8, 8), np.uint8))) == []
    assert [sheet.shape for sheet in sheets(np.zeros((2, 1024, 900), np.uint8))] == [(1032, 908, 3)] * 2
