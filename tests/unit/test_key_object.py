"""A rejection names what it rejects, in its patient's study, and says so by the code that IOCM asks for."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from highdicom.ko import KeyObjectSelectionDocument
from pydicom import Dataset, dcmread
from pydicom.tag import Tag
from pydicom.uid import Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage

from core.phi import Phi
from dicom_node import key_object, report, report_header
from dicom_node.report import SourceReference

AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
REJECTED = [
    SourceReference(SecondaryCaptureImageStorage, Phi("2.25.11"), Phi("2.25.1")),
    SourceReference(Comprehensive3DSRStorage, Phi("2.25.12"), Phi("2.25.2")),
]


def source() -> Dataset:
    header = Dataset()
    values = {"SpecificCharacterSet": b"ISO_IR 144", "PatientName": "ФАНТОМ^ЁЛКА".encode("iso8859-5")}
    for keyword, value in (values | {"StudyInstanceUID": b"2.25.123", "TimezoneOffsetFromUTC": b"-0500"}).items():
        element = report_header.raw(Tag(keyword), value)
        header[element.tag] = element
    return header


def build(rejected: list[SourceReference] = REJECTED) -> Dataset:
    made = key_object.build_rejection(
        rejected, source(), sop_instance_uid=Phi("2.25.77"), series_instance_uid=Phi("2.25.78"), created_at=AT
    )
    return dcmread(BytesIO(report.to_bytes(made)))


def test_it_is_titled_rejected_for_quality_reasons():
    made = build()
    assert made.SOPClassUID == made.file_meta.MediaStorageSOPClassUID == KeyObjectSelectionDocumentStorage
    title = made.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113001", "DCM")
    assert (made.Modality, made.ContentTemplateSequence[0].TemplateIdentifier) == ("KO", "2010")
    assert report.is_ours(made)


def test_it_has_the_modifier_that_its_title_asks_for_and_no_name_on_a_reference():
    """PS3.16 TID 2010, row 3: mandatory with this title; rows 8 and 10 have no concept name."""
    made = build()
    (modifier,) = [i for i in made.ContentSequence if i.get("RelationshipType") == "HAS CONCEPT MOD"]
    assert (modifier.ConceptNameCodeSequence[0].CodeValue, modifier.ConceptCodeSequence[0].CodeValue) == (
        "113011",
        "111220",
    )
    references = [item for item in made.ContentSequence if "ReferencedSOPSequence" in item]
    assert [item for item in references if "ConceptNameCodeSequence" in item] == []


def test_it_names_every_object_once_as_what_it_is_and_again_as_evidence():
    made = build()
    named = {
        item.ValueType: item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in made.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    assert named == {"IMAGE": "2.25.11", "COMPOSITE": "2.25.12"}
    read = KeyObjectSelectionDocument.from_dataset(made)
    assert [read.resolve_reference(uid) for uid in named.values()] == [
        ("2.25.123", "2.25.1", "2.25.11"),
        ("2.25.123", "2.25.2", "2.25.12"),
    ]


def test_it_belongs_to_its_patient_byte_for_byte_in_the_studys_time():
    made = build()
    assert report_header.raw_element(made, "PatientName").value == "ФАНТОМ^ЁЛКА".encode("iso8859-5") + b" "
    assert (made.ContentDate, made.ContentTime) == ("20260115", "183005.000000")


def test_a_rejection_of_nothing_is_refused():
    with pytest.raises(ValueError, match="needs objects"):
        build([])
