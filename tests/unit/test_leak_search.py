"""The last look at an exported file finds every identifying word of the original header, and no others."""

import io

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node import leak_search


def header(**changes: object) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID, ds.StudyInstanceUID = "1.2.3.4444", "1.2.3.5555"
    ds.PatientName, ds.PatientID = "TESTPATIENT^ÄNNE=X", "ZZ-0815"
    ds.PatientBirthDate, ds.AccessionNumber = "19310131", "ACC-77777"
    ds.InstitutionName = "Invented Hospital"
    ds.Modality, ds.BodyPartExamined = "OT", "HEART"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def written(ds: Dataset) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "value",
    ["TESTPATIENT", "testpatient", "MR TESTPATIENT IS LATE", "ÄNNE", "ZZ-0815", "19310131", "1.2.3.5555", "ACC-77777"],
)
def test_a_word_of_the_header_is_found_wherever_it_stands(value):
    assert leak_search.hits(written(_other(value)), leak_search.words(header())) == 1


def _other(value: str, charset: str = "ISO_IR 100") -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = charset
    ds.ImageComments = value
    return ds


def test_words_nested_in_sequences_are_looked_for_too():
    inner = Dataset()
    inner.PatientID = "NESTED-4711"
    outer = Dataset()
    outer.OtherPatientIDsSequence = [inner]
    assert leak_search.hits(written(_other("was nested-4711 once")), leak_search.words(outer)) == 1


@pytest.mark.parametrize("value", ["HEART", "OT", "TESTPATIENTS", "1.2.3.55551", "ZZ", "1.2.840.10008.5.1.4.1.1.7"])
def test_what_is_no_word_of_the_patient_is_no_hit(value):
    assert leak_search.hits(written(_other(value)), leak_search.words(header())) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Prueba^Yama=山田^太郎", "of 山田"),
        ("Prueba^Hong=洪^吉洞", "吉洞"),
        ("MÜLLERÖ^X", "müllerö"),
        ("ΔΟΚΙΜΗ^ΦΩΦΗ", "δοκιμη"),
        ("фантом^Ёлка", "ФАНТОМ"),
    ],
)
def test_short_names_in_other_scripts_are_looked_for_in_upper_and_lower_case(name, value):
    found = leak_search.words(header(SpecificCharacterSet="ISO_IR 192", PatientName=name))
    assert leak_search.hits(written(_other(value, "ISO_IR 192")), found) == 1
