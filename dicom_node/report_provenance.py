"""Where a report comes from: the images it was made from and the equipment that made it (PS3.3 C.7.6.1, C.12.1)."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from pydicom.dataset import Dataset

from core import MANUFACTURER, MODEL_NAME, __version__
from core.phi import Phi
from core.types import ModelIdentity
from dicom_node import report_header

_DEVICES = UUID("0b6a2c1e-54b7-5a43-9a8e-6f1f0c4f7d52")
"""The name space of our devices' UIDs."""


@dataclass(frozen=True, slots=True)
class SourceReference:
    """An instance that a report was made from."""

    sop_class_uid: str
    sop_instance_uid: Phi
    series_instance_uid: Phi


def refer_to_sources(report: Dataset, sources: Sequence[SourceReference]) -> None:
    """Name every source image with its purpose, and all of them again by series."""
    series: dict[Phi, Dataset] = {}
    images = []
    for source in sources:
        image = _reference(source)
        image.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
        images.append(image)
        if source.series_instance_uid not in series:
            series[source.series_instance_uid] = Dataset()
            series[source.series_instance_uid].SeriesInstanceUID = source.series_instance_uid.reveal()
            series[source.series_instance_uid].ReferencedInstanceSequence = []
        series[source.series_instance_uid].ReferencedInstanceSequence.append(_reference(source))
    if images:
        report.SourceImageSequence = images
        report.ReferencedSeriesSequence = list(series.values())


def study_references(source: Dataset, referred: Iterable[SourceReference]) -> list[Dataset]:
    """Objects of the study of ``source`` by study and series, once each (PS3.3 C.17.2.1)."""
    series: dict[Phi, dict[Phi, SourceReference]] = {}
    for one in referred:
        series.setdefault(one.series_instance_uid, {})[one.sop_instance_uid] = one
    if not series:
        return []
    study = Dataset()
    uid = report_header.raw_element(source, "StudyInstanceUID")
    if uid is not None:
        study[uid.tag] = uid
    study.ReferencedSeriesSequence = [_series(uid, ones.values()) for uid, ones in series.items()]
    return [study]


def _series(uid: Phi, referred: Iterable[SourceReference]) -> Dataset:
    item = Dataset()
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        item.SeriesInstanceUID = uid.reveal()
    item.ReferencedSOPSequence = [_reference(one) for one in referred]
    return item


def _reference(source: SourceReference) -> Dataset:
    item = Dataset()
    with warnings.catch_warnings():  # as above
        warnings.simplefilter("ignore")
        item.ReferencedSOPClassUID = source.sop_class_uid
        item.ReferencedSOPInstanceUID = source.sop_instance_uid.reveal()
    return item


def reference_to(made: Dataset) -> SourceReference:
    """A reference to an object of ours."""
    return SourceReference(str(made.SOPClassUID), Phi(made.SOPInstanceUID), Phi(made.SeriesInstanceUID))


def device_uid(model: ModelIdentity | None) -> str:
    """The UID of this software with that very model as one device (PS3.5 B.2); another of either is another device."""
    return f"2.25.{uuid5(_DEVICES, f'{__version__} {model.sha256 if model else None}').int}"


def describe_equipment(report: Dataset, model: ModelIdentity | None, at: datetime) -> None:
    """Name Perfuscope and the model as the equipment that processed the sources."""
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    equipment.Manufacturer = MANUFACTURER
    equipment.ManufacturerModelName = MODEL_NAME
    equipment.SoftwareVersions = [ascii_only(__version__)]
    equipment.DeviceUID = device_uid(model)
    equipment.ContributionDateTime = at.strftime("%Y%m%d%H%M%S.%f%z")
    equipment.ContributionDescription = "Classification of myocardial perfusion screens"
    if model is not None:
        equipment.SoftwareVersions = [ascii_only(part) for part in (__version__, model.name, model.version)]
        equipment.ContributionDescription += ascii_only(f"; model SHA-256 {model.sha256}", longest=256)
    report.ContributingEquipmentSequence = [equipment]


def ascii_only(text: str, *, longest: int = 64) -> str:
    """The text with only what every character set shares, without backslashes, cut to what LO can hold."""
    return "".join(c if " " <= c <= "~" and c != "\\" else "_" for c in text)[:longest]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item
