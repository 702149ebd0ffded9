"""The report as a DICOM object: a Secondary Capture of the report page in the patient's own study (PS3.3 A.8)."""

import re
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from io import BytesIO

from pydicom import dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from core import DISCLAIMER, MANUFACTURER, MODEL_NAME, __version__
from core.phi import Phi
from dicom_node import report_header, report_page
from dicom_node.report_content import ReportContent
from dicom_node.report_provenance import SourceReference, ascii_only, describe_equipment, refer_to_sources

__all__ = ["SourceReference", "build_secondary_capture", "is_ours", "to_bytes"]

IMPLEMENTATION_CLASS_UID = UID("2.25.116509285990420953059826040742996200855")
IMPLEMENTATION_VERSION_NAME = "PERFUSCOPE"

_VERBATIM = (
    "SpecificCharacterSet",
    "IssuerOfPatientID",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
    "StudyInstanceUID",
)
_VERBATIM_OR_EMPTY = (  # Type 2: a report without a value still needs the attribute
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")


def build_secondary_capture(
    content: ReportContent,
    source: Dataset,
    sources: Sequence[SourceReference],
    *,
    sop_instance_uid: Phi,
    series_instance_uid: Phi,
    created_at: datetime,
    series_number: int = 9001,
) -> Dataset:
    """The report page as an RGB Secondary Capture with file meta, in the study that ``source`` belongs to.

    ``source`` is the header of one source instance and stays as it is; its patient and study attributes are taken over
    byte for byte, whatever they hold. Raises ValueError where it has no Study Instance UID or ``created_at`` no offset.
    """
    if created_at.utcoffset() is None:
        raise ValueError("a report's created_at needs a UTC offset")
    if not report_header.text(source, "StudyInstanceUID"):
        raise ValueError("the source has no Study Instance UID that a report could be filed under")
    report = Dataset()
    report.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=report_header.encodings(source)
    )
    _copy_identity(report, source)
    _describe_series(report, content, uid=series_instance_uid, number=series_number)
    _describe_instance(report, content, uid=sop_instance_uid)
    local = created_at.astimezone(zone_of(source) or created_at.tzinfo)
    _set_times(report, local)
    refer_to_sources(report, sources)
    describe_equipment(report, content.model, local)
    _copy_lossiness(report, source)
    _set_pixels(report, content)
    report.file_meta = _file_meta(sop_instance_uid)
    return report


def to_bytes(report: Dataset) -> bytes:
    """The complete DICOM file (PS3.10) with a zero preamble; the same report always gives the same bytes."""
    buffer = BytesIO()
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        dcmwrite(buffer, report, enforce_file_format=True)
    return buffer.getvalue()


def is_ours(dataset: Dataset) -> bool:
    """Whether a data set names Perfuscope as its maker, so that it is never read as a study."""
    return (
        report_header.text(dataset, "Manufacturer") == MANUFACTURER
        and report_header.text(dataset, "ManufacturerModelName") == MODEL_NAME
    )


def _copy_identity(report: Dataset, source: Dataset) -> None:
    for keyword in _VERBATIM + _VERBATIM_OR_EMPTY:
        element = report_header.raw_element(source, keyword)
        if element is None and keyword in _VERBATIM_OR_EMPTY:
            element = report_header.raw(tag_for_keyword(keyword) or 0, b"")
        if element is not None:
            report[element.tag] = element


def _describe_series(report: Dataset, content: ReportContent, *, uid: Phi, number: int) -> None:
    report.Modality = "OT"
    report.SeriesInstanceUID = uid.reveal()
    report.SeriesNumber = number
    what = "result withdrawn" if content.withdraws else "result"
    report.SeriesDescription = f"Perfuscope MPI {what}, revision {content.revision}, unverified"
    report.BodyPartExamined = "HEART"
    report.ConversionType = "WSD"
    report.Manufacturer = MANUFACTURER
    report.ManufacturerModelName = MODEL_NAME
    report.SoftwareVersions = ascii_only(__version__)


def _describe_instance(report: Dataset, content: ReportContent, *, uid: Phi) -> None:
    report.SOPClassUID = SecondaryCaptureImageStorage
    report.SOPInstanceUID = uid.reveal()
    report.InstanceNumber = 1
    report.ImageType = ["DERIVED", "SECONDARY"]
    report.PatientOrientation = None
    report.BurnedInAnnotation = "YES" if content.show_patient else "NO"
    replaces = "" if content.replaces is None else f" Replaces revision {content.replaces}."
    report.ImageComments = f"{DISCLAIMER} Revision {content.revision}.{replaces}"
    report.DerivationDescription = "Result page drawn from polar maps cropped out of the source images"


def _set_times(report: Dataset, at: datetime) -> None:
    day, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    for kind in ("Series", "Content", "InstanceCreation"):
        setattr(report, f"{kind}Date", day)
        setattr(report, f"{kind}Time", time)
    report.InstanceCreatorUID = IMPLEMENTATION_CLASS_UID
    report.DateOfSecondaryCapture, report.TimeOfSecondaryCapture = day, time


def _copy_lossiness(report: Dataset, source: Dataset) -> None:
    if report_header.text(source, "LossyImageCompression") != "01":
        return
    for keyword in _LOSSY:
        element = report_header.raw_element(source, keyword)
        if element is not None:
            report[element.tag] = element


def _set_pixels(report: Dataset, content: ReportContent) -> None:
    page = report_page.render(content)
    report.Rows, report.Columns, report.SamplesPerPixel = page.shape
    report.PhotometricInterpretation = "RGB"
    report.PlanarConfiguration = 0
    report.BitsAllocated = report.BitsStored = 8
    report.HighBit = 7
    report.PixelRepresentation = 0
    report.PixelData = page.tobytes()
    report["PixelData"].VR = "OB"


def _file_meta(sop_instance_uid: Phi) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid.reveal())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def zone_of(source: Dataset) -> timezone | None:
    """The offset that the source's times are in (PS3.3 C.12.1.1), None where it says none."""
    found = re.fullmatch(r"([+-])(\d\d)([0-5]\d)", report_header.text(source, "TimezoneOffsetFromUTC"))
    if not found or int(found[2]) > 14:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)
