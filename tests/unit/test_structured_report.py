"""The structured report says what was accepted and nothing else, belongs to its patient, and can always be made."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from highdicom.sr import Comprehensive3DSR, MeasurementReport
from hypothesis import given, settings
from hypothesis import strategies as st
from names import ODD, REGULAR
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.tag import Tag
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    SecondaryCaptureImageStorage,
)

from core.phi import Phi
from core.types import LABELS, Label, ModelIdentity, Outcome, Probabilities, Reason, Status, StudyPrediction
from dicom_node import report, report_header, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import Header

AT = datetime(2026, 1, 15, 23, 30, 5, 250000, tzinfo=UTC)
MODEL = ModelIdentity("mobilenet-sim-1", "1.0.0", "0123456789abcdef" * 4)
SOURCES = [SourceReference(SecondaryCaptureImageStorage, Phi(f"2.25.1{n}"), Phi(f"2.25.{n}")) for n in (1, 2, 3)]
FINDING, PROBABILITY, TRACKING = ("121071", "DCM"), ("122157", "DCM"), ("112039", "DCM")
DISEASES = {("414795007", "SCT"), ("22298006", "SCT")}
SHARES = {
    Label.NORMAL: Probabilities(0.91, 0.06, 0.03),
    Label.ISCHEMIA: Probabilities(0.2, 0.7000001, 0.0999999),
    Label.INFARCTION: Probabilities(1 / 3 - 1e-9, 1e-7, 2 / 3 - 1e-7 + 1e-9),
}


def source(charset: bytes | None = b"ISO_IR 100", name: bytes = b"TESTFALL^ANNA", **others: bytes) -> Dataset:
    """A header as it comes out of a file: undecoded."""
    values = {
        "SpecificCharacterSet": charset,
        "PatientName": name,
        "PatientID": b"SIM-000007",
        "StudyInstanceUID": b"2.25.123",
        "AccessionNumber": b"ACC7",
        "TimezoneOffsetFromUTC": b"+0200",
        **others,
    }
    header = Dataset()
    for keyword, value in values.items():
        if value is not None:
            element = report_header.raw(Tag(keyword), value)
            header[element.tag] = element
    return header


def content(outcome: Outcome = Outcome.ACCEPTED, label: Label = Label.NORMAL, **changes: object) -> ReportContent:
    status = Status.NEEDS_REVIEW if outcome is Outcome.NEEDS_REVIEW else Status.ACCEPTED
    said = StudyPrediction(SHARES[label], status, {}, 20.0)
    made = ReportContent(
        header=Header(), revision=1, outcome=outcome, created_at=AT, prediction=said, model=MODEL, reason=None
    )
    return replace(made, **changes)


def build(said: ReportContent, header: Dataset | None = None, **changes: object) -> Dataset:
    asked = {
        "page": page(),
        "sop_instance_uid": Phi("2.25.77"),
        "series_instance_uid": Phi("2.25.78"),
        "created_at": AT,
    }
    made = structured_report.build_structured_report(said, header or source(), SOURCES, **(asked | changes))
    return dcmread(BytesIO(report.to_bytes(made)))


def page() -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = SecondaryCaptureImageStorage, "2.25.70", "2.25.71"
    return made


def items(ds: Dataset):
    """Every content item, from the top."""
    yield ds
    for item in ds.get("ContentSequence", ()):
        yield from items(item)


def code(item: Dataset, keyword: str) -> tuple[str, str] | None:
    coded = item.get(keyword)
    return (coded[0].CodeValue, coded[0].CodingSchemeDesignator) if coded else None


def said_codes(ds: Dataset, name: tuple[str, str]) -> list[tuple[str, str] | None]:
    """The values of every coded item of that name, wherever it stands: what a reader that lists findings lists."""
    return [code(item, "ConceptCodeSequence") for item in items(ds) if code(item, "ConceptNameCodeSequence") == name]


def texts(ds: Dataset) -> str:
    return "\n".join(item.TextValue for item in items(ds) if "TextValue" in item)


def referred(ds: Dataset) -> set[tuple[str, str, str]]:
    """Every reference to an object: study, series, object."""
    return {
        (study.StudyInstanceUID, series.SeriesInstanceUID, one.ReferencedSOPInstanceUID)
        for study in ds
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


@pytest.mark.parametrize("label", LABELS)
def test_an_accepted_label_is_the_only_finding(label):
    wanted = {
        Label.NORMAL: ("301121007", "SCT"),
        Label.ISCHEMIA: ("414795007", "SCT"),
        Label.INFARCTION: ("22298006", "SCT"),
    }
    made = build(content(label=label))
    assert said_codes(made, FINDING) == [wanted[label]]
    if label is Label.NORMAL:
        every = {found for item in items(made) for found in [code(item, "ConceptCodeSequence")]}
        assert not DISEASES & every


@pytest.mark.parametrize("label", LABELS)
def test_what_needs_review_is_equivocal_and_names_no_disease(label):
    made = build(content(Outcome.NEEDS_REVIEW, label))
    assert said_codes(made, FINDING) == [("42425007", "SCT")]
    assert "Needs review" in texts(made)


def test_a_status_that_contradicts_its_outcome_is_no_finding_of_a_disease():
    said = replace(content(label=Label.ISCHEMIA).prediction, status=Status.NEEDS_REVIEW)
    assert said_codes(build(content(prediction=said)), FINDING) == [("42425007", "SCT")]


@pytest.mark.parametrize("outcome", [Outcome.NO_RESULT, Outcome.QUARANTINED])
def test_without_a_result_nothing_is_found_or_measured_and_a_text_says_why(outcome):
    # The prediction is there all the same: a model's answer that was refused.
    said = content(outcome, reason=Reason.INCOMPLETE, notes=("Missing: Rest QGS.",), revision=2, replaces=1)
    before = [SourceReference(Comprehensive3DSRStorage, Phi("2.25.8"), Phi("2.25.9"))]
    made = build(said, predecessors=before)
    assert said_codes(made, FINDING) == []
    assert not any("MeasuredValueSequence" in item for item in items(made))
    assert "No result: incomplete." in texts(made)
    assert "Missing: Rest QGS." in texts(made)
    assert "Its result is withdrawn." in texts(made)
    assert "withdrawn" in made.SeriesDescription
    assert referred(made.PredecessorDocumentsSequence) == {("2.25.123", "2.25.9", "2.25.8")}


@pytest.mark.parametrize("label", LABELS)
def test_read_back_with_highdicom_it_gives_three_probabilities_that_sum_to_one(label):
    made = Comprehensive3DSR.from_dataset(build(content(label=label)))
    assert isinstance(made.content, MeasurementReport)
    groups = made.content.get_image_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [f"Perfuscope MPI {one.value}" for one in LABELS]
    values = []
    for group, one in zip(groups, LABELS, strict=True):
        (measured,) = group.get_measurements()
        assert (measured.name.value, measured.unit.value) == ("122157", "1")
        assert measured.unit.scheme_designator == "UCUM"
        assert measured.value == pytest.approx(SHARES[label][one], abs=1e-9)
        assert (group.finding_type is not None) == (one is label)
        assert [site.value.value for site in group.finding_sites] == ["49848007"]
        assert [image.referenced_sop_instance_uid for image in group.source_images] == ["2.25.11", "2.25.12", "2.25.13"]
        values.append(measured.value)
    assert abs(sum(values) - 1) < 1e-6


@pytest.mark.parametrize("label", LABELS)
def test_the_decimal_strings_alone_sum_to_one(label):
    made = build(content(label=label))
    values = [
        float(item.MeasuredValueSequence[0].NumericValue) for item in items(made) if "MeasuredValueSequence" in item
    ]
    assert abs(sum(values) - 1) < 1e-6


def test_model_version_and_hash_stand_in_every_group_and_in_the_equipment():
    made = build(content())
    for name, wanted in (
        ("111001", MODEL.name),
        ("111003", MODEL.version),
        ("111002", f"Model SHA-256 {MODEL.sha256}"),
    ):
        found = [it.TextValue for it in items(made) if code(it, "ConceptNameCodeSequence") == (name, "DCM")]
        assert found == [wanted] * 3
    assert said_codes(made, ("111000", "DCM")) == [("123110", "DCM")] * 3
    (equipment,) = made.ContributingEquipmentSequence
    assert MODEL.sha256 in equipment.ContributionDescription
    assert made.DeviceSerialNumber == MODEL.sha256


def test_another_model_is_another_device():
    one, same = build(content()), build(content(label=Label.ISCHEMIA))
    other = build(content(model=replace(MODEL, sha256="f" * 64)))
    uids = [made.ContributingEquipmentSequence[0].DeviceUID for made in (one, same, other)]
    assert uids[0] == uids[1] != uids[2]
    observers = [it.UID for it in items(other) if code(it, "ConceptNameCodeSequence") == ("121012", "DCM")]
    assert observers == [uids[2]]


def test_a_device_observed_and_no_person_has_looked():
    made = build(content())
    assert said_codes(made, ("121005", "DCM")) == [("121007", "DCM")]
    assert (made.CompletionFlag, made.PreliminaryFlag, made.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )
    assert "VerifyingObserverSequence" not in made
    assert said_codes(made, ("121058", "DCM")) == [("252432008", "SCT")]
    assert "AI result, unverified. Research use only, not for diagnosis." in texts(made)
    assert "Trained on simulated images" in texts(made)


def test_evidence_is_every_input_and_the_page_and_nothing_else_is_referred_to():
    raw = SourceReference(NuclearMedicineImageStorage, Phi("2.25.14"), Phi("2.25.1"))
    made = structured_report.build_structured_report(
        content(),
        source(),
        [*SOURCES, raw, SOURCES[0]],
        page=page(),
        sop_instance_uid=Phi("2.25.77"),
        series_instance_uid=Phi("2.25.78"),
        created_at=AT,
    )
    known = {(one.series_instance_uid.reveal(), one.sop_instance_uid.reveal()) for one in [*SOURCES, raw]}
    known.add(("2.25.71", "2.25.70"))
    assert referred(made.CurrentRequestedProcedureEvidenceSequence) == {("2.25.123", *one) for one in known}
    every = [r for item in items(made) for r in item.get("ReferencedSOPSequence", ())]
    assert {r.ReferencedSOPInstanceUID for r in every} <= {uid for _, uid in known}
    assert "PredecessorDocumentsSequence" not in made


@pytest.mark.parametrize(
    ("name", "sop_class"),
    [
        ("comprehensive_3d", Comprehensive3DSRStorage),
        ("comprehensive", ComprehensiveSRStorage),
        ("enhanced", EnhancedSRStorage),
    ],
)
def test_the_class_is_the_one_that_the_settings_name(name, sop_class):
    made = build(content(), sr_class=name)
    assert made.SOPClassUID == made.file_meta.MediaStorageSOPClassUID == sop_class
    assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert made.Modality == "SR"
    assert report.is_ours(made)


@pytest.mark.parametrize("key", [*REGULAR, *ODD])
@pytest.mark.filterwarnings("ignore")  # reading what is odd makes pydicom complain
def test_identity_is_copied_byte_for_byte_and_our_own_text_is_ascii(key):
    name = (REGULAR | ODD)[key]
    header = source(name.charset, name.value)
    made = build(content(), header)
    for keyword in ("SpecificCharacterSet", "PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber"):
        ours, theirs = report_header.raw_element(made, keyword), report_header.raw_element(header, keyword)
        assert (ours.value if ours else None) == (theirs.value if theirs else None)
    assert texts(made).isascii()
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "ReferringPhysicianName"):
        assert keyword in made


def test_times_are_in_the_offset_of_the_study_else_in_the_one_that_is_asked_for():
    made = build(content())
    assert (made.ContentDate, made.ContentTime, made.TimezoneOffsetFromUTC) == ("20260116", "013005.250000", "+0200")
    other = build(content(), source(TimezoneOffsetFromUTC=None))
    assert (other.ContentDate, other.ContentTime) == ("20260115", "233005.250000")
    assert "TimezoneOffsetFromUTC" not in other


def test_a_label_of_a_study_is_tracked_under_one_uid_through_its_revisions():
    def tracked(made: Dataset) -> list[str]:
        return [item.UID for item in items(made) if code(item, "ConceptNameCodeSequence") == ("112040", "DCM")]

    first, second = build(content()), build(content(label=Label.ISCHEMIA, revision=2, replaces=1))
    elsewhere = build(content(), source(StudyInstanceUID=b"2.25.124"))
    assert tracked(first) == tracked(second)
    assert len(set(tracked(first) + tracked(elsewhere))) == 6


def test_the_same_report_is_the_same_bytes():
    one, other = (report.to_bytes(build(content())) for _ in range(2))
    assert one == other


@pytest.mark.filterwarnings("ignore")  # reading such a report back makes pydicom complain
@settings(max_examples=40, deadline=None)
@given(
    charset=st.sampled_from([b"", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030", b"NONSENSE", b"\\\\"]),
    values=st.dictionaries(
        st.sampled_from(["PatientName", "PatientBirthDate", "StudyDate", "StudyInstanceUID", "TimezoneOffsetFromUTC"]),
        st.binary(min_size=1, max_size=30).filter(lambda value: value.strip(b" \0")),
    ),
    series=st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=40),
)
def test_no_source_value_stops_a_report_or_is_changed(charset, values, series):
    header = source(charset, **values)
    if not report_header.text(header, "StudyInstanceUID"):
        return  # that a report could not be filed under
    sources = [replace(SOURCES[0], series_instance_uid=Phi(series))]
    made = structured_report.build_structured_report(
        content(label=Label.ISCHEMIA),
        header,
        sources,
        page=None,
        sop_instance_uid=Phi("2.25.77"),
        series_instance_uid=Phi("2.25.78"),
        created_at=AT,
    )
    read = dcmread(BytesIO(report.to_bytes(made)))
    for keyword, value in values.items():
        pad = b"\0" if keyword == "StudyInstanceUID" else b" "
        assert report_header.raw_element(read, keyword).value == value + pad * (len(value) % 2)
    assert said_codes(read, FINDING) == [("414795007", "SCT")]


def test_a_source_without_study_and_a_time_without_offset_are_refused():
    with pytest.raises(ValueError, match="Study Instance UID"):
        build(content(), source(StudyInstanceUID=None))
    with pytest.raises(ValueError, match="UTC offset"):
        build(content(), created_at=AT.replace(tzinfo=None))


def test_codes_are_those_of_the_standard():
    for name, value in (
        (codes.DCM.Probability, PROBABILITY),
        (codes.DCM.TrackingIdentifier, TRACKING),
        (codes.DCM.Finding, FINDING),
    ):
        assert (name.value, name.scheme_designator) == value
    from dicom_node import structured_codes as ours

    standard = {
        ours.FINDINGS[Label.NORMAL]: codes.SCT.MyocardialPerfusionNormal,
        ours.FINDINGS[Label.ISCHEMIA]: codes.SCT.MyocardialIschemia,
        ours.FINDINGS[Label.INFARCTION]: codes.SCT.MyocardialInfarction,
        ours.EQUIVOCAL: codes.SCT.Equivocal,
        ours.MYOCARDIAL_PERFUSION_STUDY: codes.SCT.RadionuclideMyocardialPerfusionStudy,
        ours.MYOCARDIUM: codes.SCT.LeftVentricleMyocardium,
        ours.ARTIFICIAL_INTELLIGENCE: codes.DCM.ArtificialIntelligence,
        ours.REJECTED_FOR_QUALITY: codes.DCM.RejectedForQualityReasons,
        ours.REPORT_TITLE: codes.DCM.ImagingMeasurementReport,
        ours.IMAGING_MEASUREMENTS: codes.DCM.ImagingMeasurements,
        ours.PROCEDURE_REPORTED: codes.DCM.ProcedureReported,
        ours.NO_UNITS: codes.UCUM.NoUnits,
        ours.COMMENT: codes.DCM.Comment,
        ours.DEVICE: codes.DCM.Device,
        ours.PROBABILITY: codes.DCM.Probability,
    }
    for mine, theirs in standard.items():
        assert (mine.value, mine.scheme_designator) == (theirs.value, theirs.scheme_designator)
        assert mine.meaning.lower() == theirs.meaning.lower()
