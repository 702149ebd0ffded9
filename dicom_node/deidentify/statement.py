"""What a de-identified object says of its own de-identification (PS3.15 E.1.1, PS3.3 C.7.1.1 and C.12.1)."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from core import MANUFACTURER, MODEL_NAME, __version__
from dicom_node.deidentify.dates import Dates
from dicom_node.report import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.report_provenance import ascii_only

_BASIC = ("113100", "Basic Application Confidentiality Profile")
_CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
_MODIFIED_DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
_DEIDENTIFYING = ("109104", "De-identifying Equipment")


def state(ds: Dataset, *, dates: Dates, clean_pixels: bool) -> None:
    """Add flags, method, codes and equipment to ``ds``; what it said of an earlier de-identification goes."""
    codes = [_BASIC]
    codes += [_CLEAN_PIXELS] if clean_pixels else []
    codes += [_MODIFIED_DATES] if dates is Dates.MODIFIED else []
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = [f"{MANUFACTURER} {ascii_only(__version__, longest=32)}", *(m for _, m in codes)]
    ds.DeidentificationMethodCodeSequence = Sequence([_code(*code) for code in codes])
    ds.LongitudinalTemporalInformationModified = dates.value.upper()
    ds.pop("BurnedInAnnotation", None)  # what came in is believed by nobody
    if clean_pixels:
        ds.BurnedInAnnotation = "NO"
    ds.ContributingEquipmentSequence = Sequence([*ds.get("ContributingEquipmentSequence", ()), _equipment()])


def file_meta(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> FileMetaDataset:
    """File meta information of its own: nothing of the source's is taken over."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _equipment() -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = Sequence([_code(*_DEIDENTIFYING)])
    item.Manufacturer = MANUFACTURER
    item.ManufacturerModelName = MODEL_NAME
    item.SoftwareVersions = ascii_only(__version__)
    item.ContributionDescription = "De-identification"
    return item


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
