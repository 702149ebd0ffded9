"""The report as a DICOM object: a Secondary Capture of the report page in the patient's own study (PS3.3 A.8)."""

from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from core import DISCLAIMER, MANUFACTURER, MODEL_NAME
from core.phi import Phi
from dicom_node import report_header, report_page
from dicom_node.report_content import ReportContent
from dicom_node.report_envelope import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    Series,
    envelope,
    to_bytes,
    zone_of,
)
from dicom_node.report_provenance import SourceReference, refer_to_sources

__all__ = [
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "SourceReference",
    "build_secondary_capture",
    "is_ours",
    "to_bytes",
    "zone_of",
]

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
    report = envelope(
        source,
        Series("OT", series_instance_uid, series_number, content.title),
        sop_class_uid=SecondaryCaptureImageStorage,
        sop_instance_uid=sop_instance_uid,
        created_at=created_at,
        model=content.model,
    )
    _describe(report, content)
    refer_to_sources(report, sources)
    _copy_lossiness(report, source)
    _set_pixels(report, content)
    return report


def is_ours(dataset: Dataset) -> bool:
    """Whether a data set names Perfuscope as its maker, so that it is never read as a study."""
    return (
        report_header.text(dataset, "Manufacturer") == MANUFACTURER
        and report_header.text(dataset, "ManufacturerModelName") == MODEL_NAME
    )


def _describe(report: Dataset, content: ReportContent) -> None:
    report.BodyPartExamined = "HEART"
    report.ConversionType = "WSD"
    report.DateOfSecondaryCapture, report.TimeOfSecondaryCapture = report.ContentDate, report.ContentTime
    report.ImageType = ["DERIVED", "SECONDARY"]
    report.PatientOrientation = None
    report.BurnedInAnnotation = "YES" if content.show_patient else "NO"
    replaces = "" if content.replaces is None else f" Replaces revision {content.replaces}."
    report.ImageComments = f"{DISCLAIMER} Revision {content.revision}.{replaces}"
    report.DerivationDescription = "Result page drawn from polar maps cropped out of the source images"


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
