"""The report object belongs to its patient byte for byte, says what it is, and can always be made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from core import MANUFACTURER, MODEL_NAME
from core.phi import Phi
from core.types import ModelIdentity, Outcome, Reason
from dicom_node import report, report_header, report_page
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header

_CREATED_AT = datetime(2026, 1, 15, 23, 30, 5, 250000, tzinfo=UTC)
_SOURCES = [
    SourceReference(SecondaryCaptureImageStorage, Phi("2.25.11"), Phi("2.25.1")),
    SourceReference(SecondaryCaptureImageStorage, Phi("2.25.12"), Phi("2.25.1")),
    SourceReference(SecondaryCaptureImageStorage, Phi("2.25.21"), Phi("2.25.2")),
]
_NAMES = {
    "latin-1": (["ISO_IR 100"], "PRÜFFALL^Jörg"),
    "utf-8 greek": (["ISO_IR 192"], "ΦΑΝΤΑΣΜΑ^ΣΚΛΗΘΡΑ"),
    "greek": (["ISO_IR 126"], "ΦΑΝΤΑΣΜΑ^ΣΚΛΗΘΡΑ"),
    "utf-8 cyrillic": (["ISO_IR 192"], "ФАНТОМ^ЁЛКА"),
    "cyrillic": (["ISO_IR 144"], "ФАНТОМ^ЁЛКА"),
    "arabic": (["ISO_IR 127"], "شبح^تجربة"),
    "hebrew": (["ISO_IR 138"], "דמה^ניסיון"),
    "japanese": (["", "ISO 2022 IR 87"], "Kakuu^Kanja=架空^患者=かくう^かんじゃ"),
    "japanese utf-8": (["ISO_IR 192"], "Kakuu^Kanja=架空^患者=かくう^かんじゃ"),
    "korean": (["", "ISO 2022 IR 149"], "Gasang^Hwanja=假想^患者=가상^환자"),
    "chinese": (["GB18030"], "Xugou^Huanzhe=虚构^患者"),
}


def _source(charset: list[str] | None = None, name: str = "PHANTOM^ALDER") -> Dataset:
    source = Dataset()
    if charset is not None:
        source.SpecificCharacterSet = charset
    source.PatientName = name
    source.PatientID = "SIM-000007"
    source.IssuerOfPatientID = "SIM"
    source.PatientBirthDate = "19550203"
    source.PatientSex = "F"
    source.StudyInstanceUID = "2.25.123"
    source.StudyDate, source.StudyTime = "20260114", "093012"
    source.StudyID = "1"
    source.AccessionNumber = "ACC7"
    source.ReferringPhysicianName = name
    source.StudyDescription = "MPI"
    source.TimezoneOffsetFromUTC = "+0200"
    return source


def _stored(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """The data set as it comes out of a file."""
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "2.25.11"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()), stop_before_pixels=True)


def _content(header: Header) -> ReportContent:
    return ReportContent(
        header=header,
        revision=3,
        outcome=Outcome.NO_RESULT,
        reason=Reason.INCOMPLETE,
        created_at=_CREATED_AT,
        model=ModelIdentity("mobilenet-sim-1", "1.0.0", "0123456789abcdef" * 4),
    )


def _build(source: Dataset, sources: list[SourceReference] = _SOURCES, content: ReportContent | None = None) -> Dataset:
    return report.build_secondary_capture(
        content or _content(Header.of(source)),
        source,
        sources,
        sop_instance_uid=Phi("2.25.77"),
        series_instance_uid=Phi("2.25.78"),
        created_at=_CREATED_AT,
    )


def _bytes_of(dataset: Dataset, keyword: str) -> bytes:
    element = report_header.raw_element(dataset, keyword)
    assert element is not None
    return element.value or b""


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("case", _NAMES)
def test_identity_is_copied_byte_for_byte_in_every_character_set(case: str, syntax: str) -> None:
    source = _stored(_source(*_NAMES[case]), syntax)
    made = dcmread(BytesIO(report.to_bytes(_build(source))))
    for keyword in ("PatientName", "ReferringPhysicianName", "PatientID", "IssuerOfPatientID", "StudyInstanceUID"):
        assert _bytes_of(made, keyword) == source.get_item(Tag(keyword)).value
    assert made.get("SpecificCharacterSet") == source.get("SpecificCharacterSet")
    assert str(made.PatientName) == _NAMES[case][1]


def test_reading_the_source_first_changes_nothing() -> None:
    untouched, read = _stored(_source(*_NAMES["japanese"])), _stored(_source(*_NAMES["japanese"]))
    assert str(read.PatientName)
    assert read.StudyDescription == "MPI"
    assert report.to_bytes(_build(untouched)) == report.to_bytes(_build(read))


def test_the_source_stays_as_it_is() -> None:
    source = _stored(_source())
    before = {tag: source.get_item(tag) for tag in source.keys()}  # noqa: SIM118 - iterating decodes
    _build(source)
    assert {tag: source.get_item(tag) for tag in source.keys()} == before  # noqa: SIM118


def test_missing_type_2_attributes_are_there_but_empty() -> None:
    source = Dataset()
    source.StudyInstanceUID = "2.25.123"
    made = dcmread(BytesIO(report.to_bytes(_build(source))))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"):
        assert keyword in made
        assert not made[keyword].value
    assert not made.AccessionNumber
    assert not made.ReferringPhysicianName
    assert "IssuerOfPatientID" not in made


_CHARSETS = [b"", b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030", b"NONSENSE", b"\\\\", b"ISO-IR 100"]


@pytest.mark.filterwarnings("ignore")  # reading such a report back makes pydicom complain
@settings(max_examples=60, deadline=None)
@given(
    charset=st.sampled_from(_CHARSETS),
    values=st.dictionaries(
        st.sampled_from(["PatientName", "PatientBirthDate", "StudyDate", "StudyID", "TimezoneOffsetFromUTC"]),
        st.binary(min_size=1, max_size=30),
    ),
)
def test_no_source_value_stops_a_report_or_is_changed(charset: bytes, values: dict[str, bytes]) -> None:
    source = Dataset()
    for keyword, value in {"SpecificCharacterSet": charset, "StudyInstanceUID": b"2.25.1", **values}.items():
        element = report_header.raw(Tag(keyword), value)
        source[element.tag] = element
    with pytest.MonkeyPatch.context() as patch:  # the page has its own tests; its pixels would only cost time here
        patch.setattr(report_page, "render", lambda _: np.zeros((4, 4, 3), np.uint8))
        made = dcmread(BytesIO(report.to_bytes(_build(source))))
    for keyword, value in values.items():
        assert _bytes_of(made, keyword) == value + b" " * (len(value) % 2)
    report_page.marks(_content(Header.of(source)))


def test_a_value_too_long_for_its_vr_is_left_empty() -> None:
    source = _source()
    element = report_header.raw(Tag("PatientName"), b"X" * 70000)
    source[element.tag] = element
    assert _bytes_of(_build(source), "PatientName") == b""


def test_a_source_without_study_is_refused() -> None:
    with pytest.raises(ValueError, match="Study Instance UID"):
        _build(Dataset())


def test_it_is_an_rgb_secondary_capture_that_says_it_is_unverified() -> None:
    source = _stored(_source())
    made = dcmread(BytesIO(report.to_bytes(_build(source))))
    assert made.SOPClassUID == SecondaryCaptureImageStorage
    assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID == "2.25.77"
    assert made.SeriesInstanceUID == "2.25.78"
    assert (made.Modality, made.ConversionType, made.BodyPartExamined) == ("OT", "WSD", "HEART")
    assert made.SeriesNumber == 9001
    assert "unverified" in made.SeriesDescription
    assert len(made.SeriesDescription) <= 64
    assert list(made.ImageType) == ["DERIVED", "SECONDARY"]
    assert made.BurnedInAnnotation == "YES"
    hidden = replace(_content(Header.of(source)), show_patient=False)
    assert _build(source, content=hidden).BurnedInAnnotation == "NO"
    assert np.array_equal(made.pixel_array, report_page.render(_content(Header.of(source))))


def test_it_names_its_sources_by_image_and_by_series() -> None:
    made = _build(_source())
    assert [item.ReferencedSOPInstanceUID for item in made.SourceImageSequence] == ["2.25.11", "2.25.12", "2.25.21"]
    assert {item.PurposeOfReferenceCodeSequence[0].CodeValue for item in made.SourceImageSequence} == {"121322"}
    series = {
        item.SeriesInstanceUID: [image.ReferencedSOPInstanceUID for image in item.ReferencedInstanceSequence]
        for item in made.ReferencedSeriesSequence
    }
    assert series == {"2.25.1": ["2.25.11", "2.25.12"], "2.25.2": ["2.25.21"]}


def test_it_names_the_equipment_and_the_model() -> None:
    made = _build(_source())
    (equipment,) = made.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert list(equipment.SoftwareVersions)[1:] == ["mobilenet-sim-1", "1.0.0"]
    assert "0123456789abcdef" * 4 in equipment.ContributionDescription


@pytest.mark.parametrize(
    ("offset", "day", "time"),
    [
        ("+0200", "20260116", "013005"),
        ("-0330", "20260115", "200005"),
        ("", "20260115", "233005"),
        ("+99", "20260115", "233005"),
    ],
)
def test_its_times_are_in_the_source_s_offset_else_in_utc(offset: str, day: str, time: str) -> None:
    source = _source()
    source.TimezoneOffsetFromUTC = offset
    made = _build(source)
    assert (made.ContentDate, made.ContentTime[:6]) == (day, time)
    assert (made.SeriesDate, made.SeriesTime[:6]) == (day, time)


def test_lossiness_of_the_source_is_inherited() -> None:
    source = _source()
    assert "LossyImageCompression" not in _build(source)
    source.LossyImageCompression = "01"
    source.LossyImageCompressionRatio = "10.5"
    source.LossyImageCompressionMethod = "ISO_10918_1"
    made = dcmread(BytesIO(report.to_bytes(_build(source))))
    assert (made.LossyImageCompression, made.LossyImageCompressionRatio) == ("01", 10.5)
    assert made.LossyImageCompressionMethod == "ISO_10918_1"


def test_our_own_text_is_ascii_whatever_the_model_is_called() -> None:
    content = replace(_content(Header()), model=ModelIdentity("modèle\\1", "1", "ab" * 32))
    made = report.build_secondary_capture(
        content,
        _source(["ISO_IR 192"]),
        [],
        sop_instance_uid=Phi("2.25.77"),
        series_instance_uid=Phi("2.25.78"),
        created_at=_CREATED_AT,
    )
    assert made.ContributingEquipmentSequence[0].SoftwareVersions[1] == "mod_le_1"
    assert "SourceImageSequence" not in made


def test_the_file_is_complete_and_always_the_same() -> None:
    made = report.to_bytes(_build(_source()))
    assert made == report.to_bytes(_build(_source()))
    assert made[:132] == b"\0" * 128 + b"DICM"
    meta = dcmread(BytesIO(made)).file_meta
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.ImplementationClassUID == report.IMPLEMENTATION_CLASS_UID


def test_our_own_reports_are_recognised_and_nothing_else() -> None:
    assert report.is_ours(dcmread(BytesIO(report.to_bytes(_build(_source())))))
    assert not report.is_ours(_source())
    other = Dataset()
    other.Manufacturer, other.ManufacturerModelName = MANUFACTURER, "Perfuscope Simulator"
    assert not report.is_ours(other)
    other.ManufacturerModelName = MODEL_NAME
    assert report.is_ours(other)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        report.build_secondary_capture(
            _content(Header()),
            _source(),
            [],
            sop_instance_uid=Phi("2.25.77"),
            series_instance_uid=Phi("2.25.78"),
            created_at=_CREATED_AT.replace(tzinfo=None),
        )
    assert _CREATED_AT.astimezone(timezone(timedelta(hours=2))).day == 16
